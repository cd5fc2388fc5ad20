import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildWithPacker } from "../../../functions/agent/steps/build-with-packer.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";
import { type ContextOptions, stepContext } from "../../support/steps.ts";

const STEP = {
  do: "build-with-packer",
  status: "building_image",
  image_name: "mine",
  variables: { HOSTNAME: "node", SECRET: "s3cret" },
  max_bytes: 2 ** 20,
} as const;
const ROOT = 'mkdir -p "$IMS_OUTPUT/image-root/boot"';

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly packer?: string;
  readonly tools?: ContextOptions["tools"];
}

/** A recipe and a packer that is a shell script. */
async function prepare(script: string, given: Given = {}) {
  const { files = { "image.pkr.hcl": "" }, version = "1.9.5", packer, tools } = given;
  const workFolder = await scratchFolder();
  const recipeFolder = join(workFolder, "recipe");
  await mkdir(recipeFolder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(recipeFolder, name), text);
  const stand = await program(
    workFolder,
    "packer-stand-in",
    `[ "$1" = version ] && { echo "Packer v${version}"; exit; }\n${script}`,
  );
  const context = stepContext({
    workFolder,
    tools: { packer: packer ?? stand, machine: "x64", ...tools },
    state: { recipeFolder },
  });
  return { context, workFolder, building: () => buildWithPacker(context, STEP) };
}

async function build(script: string, given: Given = {}) {
  const { building, ...rest } = await prepare(script, given);
  await building();
  return rest;
}

async function failure(script: string, given: Given = {}) {
  return (await prepare(script, given)).building();
}

describe("building with packer", () => {
  it("leaves the image root that the build made, with packer's words in log and progress", async () => {
    const { context, workFolder } = await build(
      `${ROOT}; echo "==> null.root: Running"; echo "    null.root: hello"`,
    );
    expect(context.state.imageRoot).toBe(join(workFolder, "build/output/image-root"));
    expect(context.lines[0]).toBe("Building with packer 1.9.5");
    expect(context.lines).toContain("    null.root: hello");
    expect(context.reports).toEqual([{ message: "null.root: Running" }]);
  });

  it("tells the build where to put what it makes, and everything else that it may want to know", async () => {
    const { context, workFolder } = await build(`${ROOT}; echo "args: $*"; pwd; env`);
    const output = join(workFolder, "build/output");
    expect(context.lines).toContain("args: build -color=false .");
    expect(context.lines).toContain(join(workFolder, "recipe"));
    for (const line of [
      `IMS_OUTPUT=${output}`,
      "IMS_JOB_ID=j",
      "IMS_ARCH=x86_64",
      "IMS_IMAGE_NAME=mine",
      `PKR_VAR_ims_output=${output}`,
      "PKR_VAR_ims_job_id=j",
      "PKR_VAR_ims_arch=x86_64",
      "PKR_VAR_ims_image_name=mine",
      "PKR_VAR_HOSTNAME=node",
      "CHECKPOINT_DISABLE=1",
    ])
      expect(context.lines).toContain(line);
  });

  it("gives packer a home, a cache and temporary folders of its own", async () => {
    const { context, workFolder } = await build(
      `${ROOT}; for d in "$HOME" "$TMPDIR" "$PACKER_CACHE_DIR" "$PACKER_CONFIG_DIR" "$PACKER_PLUGIN_PATH"; do touch "$d/x"; done; find "$IMS_WORK" -name x | sort`.replace(
        "$IMS_WORK",
        "$IMS_OUTPUT/../../packer",
      ),
    );
    const used = context.lines.filter((line) => line.endsWith("/x"));
    expect(used).toHaveLength(5);
    expect(await readdir(join(workFolder, "packer"))).toEqual(
      expect.arrayContaining(["cache", "config", "home", "tmp"]),
    );
  });

  it("keeps the path of the temporary folder short enough for packer's sockets", async () => {
    const deep = join(await scratchFolder(), "d".repeat(100));
    await mkdir(deep);
    const stand = await program(
      deep,
      "packer-stand-in",
      `[ "$1" = version ] && { echo "Packer v1.9.5"; exit; }; ${ROOT}; echo "length \${#TMPDIR}"; touch "$TMPDIR/x"`,
    );
    await writeFile(join(deep, "a.pkr.hcl"), "");
    const context = stepContext({
      workFolder: deep,
      tools: { packer: stand, machine: "x64" },
      state: { recipeFolder: deep },
    });
    await buildWithPacker(context, STEP);
    const length = Number(context.lines.find((line) => line.startsWith("length "))?.slice(7));
    expect(length).toBeLessThanOrEqual(80);
    expect(await readdir(join(deep, "packer/tmp"))).toEqual(["x"]);
  });

  it("gives a JSON template only the variables that it declares, in a file that others cannot read", async () => {
    const template = JSON.stringify({ variables: { ims_output: null, HOSTNAME: "" }, builders: [] });
    const { context, workFolder } = await build(`${ROOT}; echo "args: $*"; stat -c %a "\${3#-var-file=}"`, {
      files: { "packer.json": template, "packages.json": "[]" },
    });
    const file = join(workFolder, "packer/variables.json");
    expect(context.lines).toContain(`args: build -color=false -var-file=${file} packer.json`);
    expect(context.lines).toContain("600");
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
      ims_output: join(workFolder, "build/output"),
      HOSTNAME: "node",
    });
  });

  it.each([
    ["rootfs.tar", "-cf"],
    ["rootfs.tar.gz", "-czf"],
  ])("unpacks a root archive %s and removes it", async (name, options) => {
    const { context, workFolder } = await build(
      `mkdir -p "$TMPDIR/r/boot"; echo k > "$TMPDIR/r/boot/vmlinuz"; tar -C "$TMPDIR/r" ${options} "$IMS_OUTPUT/${name}" .`,
    );
    expect(context.state.imageRoot).toBe(join(workFolder, "build/image-root"));
    expect(await readFile(join(workFolder, "build/image-root/boot/vmlinuz"), "utf8")).toBe("k\n");
    expect(await readdir(join(workFolder, "build/output"))).toEqual([]);
  });

  it("fails on a root archive that is none, or larger than the job may be", async () => {
    await expect(failure('echo no > "$IMS_OUTPUT/rootfs.tar"')).rejects.toMatchObject({
      code: "build_failed",
      message: expect.stringContaining("does not look like a tar archive"),
      hint: expect.stringContaining("build_env_size"),
    });
    const large =
      'mkdir "$TMPDIR/r"; head -c 30000000 /dev/zero > "$TMPDIR/r/zero"; tar -C "$TMPDIR/r" -czf "$IMS_OUTPUT/rootfs.tar.gz" .';
    await expect(failure(large)).rejects.toMatchObject({
      code: "build_failed",
      message: expect.stringContaining("more than the 1048576 bytes"),
    });
  });

  it("fails when the build leaves no root, saying what it left and what it should", async () => {
    await expect(failure('touch "$IMS_OUTPUT/disk.qcow2"')).rejects.toMatchObject({
      code: "build_failed",
      message: expect.stringContaining("has disk.qcow2"),
      hint: expect.stringContaining("image-root/"),
    });
  });

  it("fails with packer's exit code, and leaves the root as far as it came", async () => {
    const { building, context, workFolder } = await prepare(
      `${ROOT}; echo '--> null.root: Script exited with non-zero exit status: 3.Allowed exit codes are: [0]'; exit 1`,
    );
    await expect(building()).rejects.toMatchObject({
      code: "build_failed",
      exitCode: 1,
      message: expect.stringContaining("exit status: 3"),
    });
    expect(context.state.imageRoot).toBe(join(workFolder, "build/output/image-root"));
  });

  it("fails when packer does not run, with its last words", async () => {
    const stand = await program(await scratchFolder(), "packer-stand-in", 'echo "HOME is $HOME"; exit 1');
    await expect(failure("", { packer: stand })).rejects.toMatchObject({
      code: "build_tool_missing",
      message: expect.stringMatching(/exit code 1: HOME is .+\/packer\/home$/u),
    });
  });

  it("fails when packer is missing, naming the package", async () => {
    await expect(failure("", { packer: "/nowhere/packer" })).rejects.toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("apt-get install packer"),
    });
  });

  it("refuses to build for another architecture", async () => {
    await expect(failure(ROOT, { tools: { machine: "arm64" } })).rejects.toMatchObject({
      code: "not_supported",
    });
  });

  it("ends packer when the job is cancelled", async () => {
    const abort = new AbortController();
    const workFolder = await scratchFolder();
    await writeFile(join(workFolder, "a.pkr.hcl"), "");
    const stand = await program(
      workFolder,
      "packer-stand-in",
      '[ "$1" = version ] && { echo "Packer v1.9.5"; exit; }; echo at it; sleep 600',
    );
    const context = stepContext({
      workFolder,
      tools: { packer: stand, machine: "x64" },
      state: { recipeFolder: workFolder },
      signal: abort.signal,
      onLog: (line) => line === "at it" && abort.abort(new Error("cancelled")),
    });
    await expect(buildWithPacker(context, STEP)).rejects.toThrow("cancelled");
  });
});

describe("plugins of packer", () => {
  const wanting = { "image.pkr.hcl": "packer {\n  required_plugins {\n  }\n}\n" };
  const telling = `echo "did $1"; ${ROOT}`;

  it("are fetched only when the template asks for them", async () => {
    const { context } = await build(telling, { files: wanting });
    expect(context.lines.filter((line) => line.startsWith("did "))).toEqual(["did init", "did build"]);
    const files = { "image.pkr.hcl": "# required_plugins { } is not needed\n" };
    expect((await build(telling, { files })).context.lines).not.toContain("did init");
  });

  it("are not fetched where the machine has a folder of them", async () => {
    const folder = await scratchFolder();
    const tools = { packerPlugins: folder };
    const { context } = await build(`${telling}; echo "plugins: $PACKER_PLUGIN_PATH"`, {
      files: wanting,
      tools,
    });
    expect(context.lines).not.toContain("did init");
    expect(context.lines).toContain(`plugins: ${folder}`);
  });

  it("that cannot be fetched fail the job before it builds", async () => {
    const script =
      'echo "did $1"; echo "Error: Failed getting the plugin: dial tcp: connection refused"; exit 1';
    await expect(failure(script, { files: wanting })).rejects.toMatchObject({
      code: "build_tool_missing",
      exitCode: 1,
      message: expect.stringContaining("connection refused"),
      hint: expect.stringContaining("GitHub"),
    });
  });

  it("are more than an old packer can do", async () => {
    await expect(failure(telling, { files: wanting, version: "1.6.6" })).rejects.toMatchObject({
      code: "build_tool_missing",
      message: expect.stringContaining("packer 1.6.6"),
      hint: expect.stringContaining("1.7"),
    });
  });
});
