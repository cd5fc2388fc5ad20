import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildWithKiwi } from "../../../functions/agent/steps/build-with-kiwi.ts";
import type { Plan } from "../../../core/jobs/plan.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";
import { stepContext } from "../../support/steps.ts";

const STEP = { do: "build-with-kiwi", status: "building_image" } as const;
const VERSION = 'case "$*" in --version) echo "KIWI (next generation) version 9.24.56"; exit 0;; esac';

interface Given {
  readonly types?: readonly string[];
  readonly kiwi?: string;
  readonly arch?: Plan["arch"];
  readonly machine?: string;
}

async function build(script: string, { types = ["oem"], kiwi, arch, machine = "x64" }: Given = {}) {
  const workFolder = await scratchFolder();
  const elements = types.map((type) => `<type image="${type}"/>`).join("");
  await writeFile(join(workFolder, "config.xml"), `<image><preferences>${elements}</preferences></image>`);
  const stand = await program(workFolder, "kiwi-ng", `${VERSION}\n${script}`);
  const context = stepContext({
    workFolder,
    tools: { kiwi: kiwi ?? stand, machine },
    state: { recipeFolder: workFolder },
    ...(arch === undefined ? {} : { arch }),
  });
  await buildWithKiwi(context, STEP);
  return context;
}

describe("building with kiwi", () => {
  it("leaves the image root, with kiwi's words in the log", async () => {
    const { state, workFolder, lines } = await build('echo "type: $*"');
    expect(state.imageRoot).toBe(join(workFolder, "build/image-root"));
    expect(lines[0]).toBe("Building with kiwi 9.24.56");
    expect(lines[1]).toContain("system prepare");
    expect(lines[1]).not.toContain("--type");
  });

  it("prefers the type that jobs have always built, where the recipe has it", async () => {
    const { lines } = await build('echo "$*"', { types: ["oem", "tbz"] });
    expect(lines[1]).toContain("--type tbz");
  });

  it("tells how far kiwi is", async () => {
    const { reports } = await build(
      'echo "[ INFO    ]: 20:00:00 | Installing"; echo "[ INFO    ]: Processing: [#] 40%"',
    );
    expect(reports).toEqual([{ message: "Installing" }, { message: "Installing", percent: 40 }]);
  });

  it("fails with kiwi's exit code and what is to be done about it", async () => {
    const failing = build('echo "E: Unable to locate package nonsense"; exit 2');
    await expect(failing).rejects.toMatchObject({
      code: "build_failed",
      exitCode: 2,
      hint: expect.stringContaining("nonsense"),
    });
  });

  it("fails when kiwi is missing or broken, naming the package", async () => {
    await expect(build("", { kiwi: "/no/such/kiwi-ng" })).rejects.toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("apt-get install kiwi"),
    });
    await expect(build("", { kiwi: "/bin/false" })).rejects.toMatchObject({ code: "build_tool_missing" });
  });

  it("never builds for one architecture what is meant for another", async () => {
    await expect(build("", { arch: "aarch64" })).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringMatching(/aarch64.*x86_64/u),
    });
    await expect(build("", { machine: "arm64" })).rejects.toMatchObject({ code: "not_supported" });
    await expect(build("", { machine: "arm64", arch: "aarch64" })).resolves.toBeDefined();
  });
});
