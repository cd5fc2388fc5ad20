import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { createJinja } from "../../adapters/templates/jinja.ts";
import { scratchFolder } from "../support/archives.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });

async function renderFiles(
  templates: Readonly<Record<string, string | Uint8Array>>,
  variables: Readonly<Record<string, string>> = {},
) {
  const base = await scratchFolder();
  const recipeFolder = join(base, "recipe");
  for (const [name, content] of Object.entries(templates)) {
    await mkdir(dirname(join(recipeFolder, name)), { recursive: true });
    await writeFile(join(recipeFolder, name), content);
  }
  const rendering = createJinja({ run }).render({
    recipeFolder,
    files: Object.keys(templates),
    variables,
    scratchFolder: base,
    signal: new AbortController().signal,
  });
  return { recipeFolder, rendering };
}

async function rendered(template: string | Uint8Array, variables?: Readonly<Record<string, string>>) {
  const { recipeFolder, rendering } = await renderFiles({ "config.xml": template }, variables);
  await rendering;
  return await readFile(join(recipeFolder, "config.xml"), "utf8");
}

async function refusal(template: string | Uint8Array, variables?: Readonly<Record<string, string>>) {
  const { recipeFolder, rendering } = await renderFiles({ "config.xml": template }, variables);
  const error: unknown = await rendering.then(
    () => new Error("It was rendered."),
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ code: "invalid" });
  expect((await readFile(join(recipeFolder, "config.xml"))).equals(Buffer.from(template))).toBe(true);
  return error instanceof Error ? error.message : "";
}

describe("rendering with Jinja2", () => {
  it("puts values in verbatim, whatever they hold", async () => {
    const values = [
      "a&b",
      "$&",
      "$1 \\1 \\\\",
      `"'<>`,
      "ä 漢字 😀",
      "{{ B }}",
      "{% x %}",
      "line\nline",
      "",
      " ",
    ];
    for (const value of values) expect(await rendered("<{{ A }}>", { A: value, B: "no" })).toBe(`<${value}>`);
  });

  it("renders an undefined variable empty", async () => {
    expect(await rendered("[{{ NOTHING }}]{% if NOTHING %}no{% endif %}")).toBe("[]");
  });

  it("keeps what is not a template, with the newlines at its end", async () => {
    const text = "a { b } $x {c}\n\n  # d\n\n";
    expect(await rendered(text, { A: "1" })).toBe(text);
  });

  it("knows loops, conditions, filters, macros, raw and whitespace control", async () => {
    const template = [
      "{% for p in PACKAGES.split() if p != 'no' -%}",
      "  <{{ p | upper }}>",
      "{%- endfor %}",
      "{# a comment #}{% set x = PACKAGES | length %}{{ x }}",
      "{% macro m(a, b='d') %}{{ a }}-{{ b }}{% endmacro %}{{ m('c') }}",
      "{% raw %}{{ kept }}{% endraw %}",
      "{{ MISSING | default('fallback') }}",
      "",
    ].join("\n");
    expect(await rendered(template, { PACKAGES: "a no b" })).toBe("<A><B>\n6\nc-d\n{{ kept }}\nfallback\n");
  });

  it("renders each file of the list and keeps their modes", async () => {
    const { recipeFolder, rendering } = await renderFiles(
      { "config.xml": "{{ A }}", "root/etc/motd": "hello {{ A }}\n" },
      { A: "you" },
    );
    await chmod(join(recipeFolder, "root/etc/motd"), 0o640);
    await rendering;
    expect(await readFile(join(recipeFolder, "config.xml"), "utf8")).toBe("you");
    expect(await readFile(join(recipeFolder, "root/etc/motd"), "utf8")).toBe("hello you\n");
  });
});

describe("a template that cannot be rendered", () => {
  it("is told with its file and line, and nothing is changed", async () => {
    expect(await refusal("one\ntwo\n{% if %}\n")).toMatch(/config\.xml, line 3 /u);
    expect(await refusal("one\n{{ 1 / 0 }}\n")).toMatch(/config\.xml, line 2 .*division by zero/u);
    expect(await refusal("{{ NOTHING.member }}")).toMatch(/line 1 .*undefined/u);
    expect(await refusal("{{ unclosed")).toMatch(/line 1/u);
    expect(await refusal("{% include '/etc/hostname' %}")).toMatch(/config\.xml/u);
  });

  it("leaves all files alone when one fails", async () => {
    const { recipeFolder, rendering } = await renderFiles({ a: "{{ A }}", b: "{% bad %}" }, { A: "1" });
    await expect(rendering).rejects.toMatchObject({ message: expect.stringContaining("b, line 1") });
    expect(await readFile(join(recipeFolder, "a"), "utf8")).toBe("{{ A }}");
  });

  it("is refused when it is not text", async () => {
    expect(await refusal(new Uint8Array([0xff, 0xfe, 0x41]))).toContain("not UTF-8");
  });

  it("cannot reach out of the sandbox", async () => {
    const attempts = [
      "{{ ''.__class__.__mro__[1].__subclasses__() }}",
      "{{ self.__init__.__globals__ }}",
      "{{ cycler.__init__.__globals__.os.system('touch /tmp/ims-escape') }}",
      "{{ ''|attr('__class__') }}{{ (''|attr('__class__')).mro() }}",
      "{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}",
    ];
    for (const attempt of attempts) await refusal(attempt);
    await expect(stat("/tmp/ims-escape")).rejects.toThrow(/ENOENT/u);
  });

  it("cannot use up memory or disk", async () => {
    expect(await refusal("{{ 'x' * 10 ** 10 }}")).toMatch(/memory/u);
    expect(await refusal("{{ range(10 ** 9) | list }}")).toMatch(/config\.xml/u);
    expect(await refusal("{% for i in range(99999) %}{{ 'x' * 99999 }}{% endfor %}")).toMatch(/larger than/u);
  });

  it("is stopped with the signal's reason", async () => {
    const base = await scratchFolder();
    await mkdir(join(base, "recipe"));
    const loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
    await writeFile(join(base, "recipe/a"), loops);
    const cancel = new AbortController();
    const reason = new Error("cancelled");
    setTimeout(() => cancel.abort(reason), 500);
    const rendering = createJinja({ run }).render({
      recipeFolder: join(base, "recipe"),
      files: ["a"],
      variables: {},
      scratchFolder: base,
      signal: cancel.signal,
    });
    await expect(rendering).rejects.toBe(reason);
  });
});
