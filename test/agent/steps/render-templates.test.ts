import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderTemplates } from "../../../functions/agent/steps/render-templates.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";
import { stepContext } from "../../support/steps.ts";

interface Given {
  readonly list?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly answer?: string;
  readonly python?: string;
}

async function render({ list, variables = {}, answer = '{"done":true}', python }: Given) {
  const workFolder = await scratchFolder();
  const recipeFolder = join(workFolder, "recipe");
  await mkdir(recipeFolder);
  if (list !== undefined) await writeFile(join(recipeFolder, ".ims_recipe_template.yaml"), list);
  const stand = await program(workFolder, "python3", `echo 'ims-render: ${answer}'`);
  const context = stepContext({ workFolder, tools: { python: python ?? stand }, state: { recipeFolder } });
  await renderTemplates(context, { do: "render-templates", status: "fetching_recipe", variables });
  return context.lines;
}

const LIST = "template_files: [config.xml]";

describe("templates of a recipe", () => {
  it("are nothing to do without list and dictionary", async () => {
    expect(await render({})).toEqual([]);
  });

  it("are warned of when there is a dictionary but no list", async () => {
    expect(await render({ variables: { A: "1" } })).toEqual([
      expect.stringMatching(/^Warning: .*nothing is rendered/u),
    ]);
  });

  it("are an error when there is a list but no dictionary", async () => {
    await expect(render({ list: LIST })).rejects.toMatchObject({
      code: "template_failed",
      message: expect.stringContaining("template_dictionary"),
    });
  });

  it("are told by name, their values not", async () => {
    const lines = await render({ list: "template_files: []", variables: { TOKEN: "secret" } });
    expect(lines.join("\n")).toContain("TOKEN");
    expect(lines.join("\n")).not.toContain("secret");
  });

  it("are an error when the list is none, or names a file that is missing or outside", async () => {
    for (const list of ["nonsense", LIST, "template_files: [../config.xml]"])
      await expect(render({ list, variables: { A: "1" } })).rejects.toMatchObject({
        code: "template_failed",
      });
  });

  it("need Python and Jinja2, and name their packages", async () => {
    const wanting = { code: "build_tool_missing", hint: expect.stringContaining("python3-jinja2") };
    const list = "template_files: [.ims_recipe_template.yaml]";
    const variables = { A: "1" };
    await expect(render({ list, variables, python: "/no/such/python3" })).rejects.toMatchObject(wanting);
    await expect(render({ list, variables, answer: '{"missing":"jinja2"}' })).rejects.toMatchObject(wanting);
  });
});
