import { chmod, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { plainEnvironment } from "../../../adapters/process/environment.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { createJinja } from "../../../adapters/templates/jinja.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";

const LIST = ".ims_recipe_template.yaml";
const run = createRunCommand({ env: plainEnvironment(process.env) });

async function recipe(list?: string) {
  const base = await scratchFolder();
  const recipeFolder = join(base, "recipe");
  await mkdir(recipeFolder);
  if (list !== undefined) await writeFile(join(recipeFolder, LIST), list);
  return { base, recipeFolder };
}

/** Python is only pretended here: what real Jinja2 does is tested with the build tools. */
async function render(files: readonly string[], answer: string, recipeFolder: string) {
  const base = await scratchFolder();
  const script = `cat > ${join(base, "request.json")}\n${answer}`;
  const python = await program(base, "python3", script);
  const order = { recipeFolder, files, variables: { A: "1" }, scratchFolder: base };
  await createJinja({ run, python }).render({ ...order, signal: new AbortController().signal });
  return JSON.parse(await readFile(join(base, "request.json"), "utf8"));
}

describe("the list of a recipe's templates", () => {
  const { listed } = createJinja({ run });

  it("is what template_files says", async () => {
    const { recipeFolder } = await recipe("template_files:\n  - config.xml\n  - root/etc/motd\nother: 1\n");
    expect(await listed(recipeFolder)).toEqual(["config.xml", "root/etc/motd"]);
  });

  it("may be missing or empty", async () => {
    expect(await listed((await recipe()).recipeFolder)).toBeUndefined();
    expect(await listed((await recipe("template_files: []")).recipeFolder)).toEqual([]);
  });

  it("is refused when it is no such list", async () => {
    for (const list of [
      "",
      "- config.xml",
      "template_files: config.xml",
      "template_files: [1]",
      "a: [",
      "template_files:",
    ])
      await expect(listed((await recipe(list)).recipeFolder)).rejects.toMatchObject({ code: "invalid" });
  });

  it("is refused when it lies outside, is huge, or is no file", async () => {
    const { base, recipeFolder } = await recipe();
    await writeFile(join(base, "outside"), "template_files: [config.xml]");
    await symlink("../outside", join(recipeFolder, LIST));
    expect(await listed(recipeFolder)).toBeUndefined();
    const huge = (await recipe("#".repeat(1024 * 1024 + 1))).recipeFolder;
    await expect(listed(huge)).rejects.toMatchObject({ code: "invalid" });
    const folder = (await recipe()).recipeFolder;
    await mkdir(join(folder, LIST));
    await expect(listed(folder)).rejects.toMatchObject({ code: "invalid" });
  });
});

describe("rendering templates", () => {
  it("refuses what lies outside or is missing, before anything is run", async () => {
    const { base, recipeFolder } = await recipe();
    await writeFile(join(base, "outside"), "secret");
    await symlink("../outside", join(recipeFolder, "climbs"));
    await symlink(join(base, "outside"), join(recipeFolder, "absolute"));
    await mkdir(join(recipeFolder, "folder"));
    for (const name of ["/etc/hostname", "../outside", "a/../../outside", ".."])
      await expect(render([name], "exit 0", recipeFolder)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("outside"),
      });
    for (const name of ["climbs", "absolute", "missing", "folder", "."])
      await expect(render([name], "exit 0", recipeFolder)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("does not have"),
      });
    expect(await readFile(join(base, "outside"), "utf8")).toBe("secret");
  });

  it("leaves the files alone when it fails, and says where", async () => {
    const { recipeFolder } = await recipe();
    await writeFile(join(recipeFolder, "a"), "{{");
    const answer = (json: string): string => `echo 'ims-render: ${json}'`;
    const failing = render(["a"], answer('{"name":"a","line":7,"error":"what"}'), recipeFolder);
    await expect(failing).rejects.toMatchObject({
      code: "invalid",
      message: "The template a, line 7 cannot be rendered: what.",
    });
    expect(await readFile(join(recipeFolder, "a"), "utf8")).toBe("{{");
    await expect(render(["a"], answer('{"missing":"No module"}'), recipeFolder)).rejects.toMatchObject({
      code: "not-found",
    });
    for (const odd of ["exit 0", "exit 9", answer("{}"), answer("nonsense"), "kill -9 $$"])
      await expect(render(["a"], odd, recipeFolder)).rejects.toMatchObject({ code: "invalid" });
  });

  it("misses an interpreter that is not there", async () => {
    const { base, recipeFolder } = await recipe();
    await writeFile(join(recipeFolder, "a"), "");
    const order = { recipeFolder, files: ["a"], variables: {}, scratchFolder: base };
    const rendering = createJinja({ run, python: "/no/such/python3" }).render({
      ...order,
      signal: new AbortController().signal,
    });
    await expect(rendering).rejects.toMatchObject({ code: "not-found" });
  });

  it("puts the rendered file in the template's place, with its mode", async () => {
    const { recipeFolder } = await recipe();
    const path = join(recipeFolder, "a");
    await writeFile(path, "old");
    await chmod(path, 0o4751);
    const target = String.raw`sed 's/.*"target":"\([^"]*\)".*/\1/'`;
    const script = `f=$(dirname "$0")/request.json; printf new > "$(${target} "$f")"; echo 'ims-render: {"done":true}'`;
    await symlink("a", join(recipeFolder, "same"));
    const request: { files: unknown } = await render(["a", "./a", "same"], script, recipeFolder);
    // once, however often it is listed and by whatever name
    expect(request.files).toHaveLength(1);
    expect(request).toMatchObject({ variables: { A: "1" }, files: [{ name: "a", source: path }] });
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o7777).toBe(0o4751);
  });
});
