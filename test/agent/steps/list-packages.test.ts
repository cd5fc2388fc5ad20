import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { listPackages } from "../../../functions/agent/steps/list-packages.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";
import { stepContext } from "../../support/steps.ts";

const STEP = { do: "list-packages", status: "packaging_artifacts" } as const;
const STATUS = "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n";

/** An image root with these files, and a machine whose only program, if any, is this rpm. */
async function list(files: Readonly<Record<string, string>>, rpm?: string) {
  const workFolder = await scratchFolder();
  const imageRoot = join(workFolder, "root");
  await mkdir(imageRoot);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(imageRoot, name)), { recursive: true });
    await writeFile(join(imageRoot, name), text);
  }
  const bin = await scratchFolder();
  if (rpm !== undefined) await program(bin, "rpm", rpm);
  const run = createRunCommand({ env: { PATH: bin } });
  const context = stepContext({ workFolder, run, state: { imageRoot } });
  const before = await tree(imageRoot);
  await listPackages(context, STEP);
  expect(await tree(imageRoot)).toEqual(before);
  const text =
    context.state.packages === undefined ? undefined : await readFile(context.state.packages, "utf8");
  return { context, list: text === undefined ? undefined : JSON.parse(text) };
}

const tree = async (folder: string) => (await readdir(folder, { recursive: true })).toSorted();

describe("listing an image's packages", () => {
  it("reads dpkg's database, without any program", async () => {
    const { context, list: found } = await list({ "var/lib/dpkg/status": STATUS });
    expect(found).toEqual({
      version: "1.0",
      manager: "dpkg",
      packages: [{ name: "bash", version: "5.2-1", arch: "amd64", status: "install ok installed" }],
    });
    expect(context.lines).toContain("The image has 1 packages (dpkg)");
  });

  it.each(["var/lib/rpm/Packages", "usr/lib/sysimage/rpm/Packages.db", "usr/lib/sysimage/rpm/rpmdb.sqlite"])(
    "asks the machine's rpm for a copy of %s",
    async (database) => {
      const rpm =
        'echo "warning: old"; touch "$2/lock"; IFS= read -r name < "$2/$(cd "$2" && echo [Pr]*)"; printf "ims-package\\t%s\\t1-2\\tnoarch\\n" "$name"';
      const script = `PATH=/usr/bin:/bin; ${rpm}`;
      const { context, list: found } = await list({ [database]: "from the image\n" }, script);
      expect(found).toMatchObject({ manager: "rpm", packages: [{ name: "from the image" }] });
      expect(await readdir(join(context.workFolder, "packages"))).toEqual([]);
    },
  );

  it("says in the log when there is no database, or it cannot be read, and goes on", async () => {
    const none = await list({ "etc/hostname": "x", "var/lib/dpkg/status": "" });
    expect(none.context.state.packages).toBeUndefined();
    expect(none.context.lines.join()).toContain("no package database");
    const noRpm = await list({ "var/lib/rpm/Packages": "x" });
    expect(noRpm.context.lines).toContain(
      "The image's packages are not listed: rpm is missing on this machine.",
    );
    const damaged = await list({ "var/lib/rpm/Packages": "x" }, 'echo "error: cannot open" >&2; exit 1');
    expect(damaged.context.lines.join()).toContain("error: cannot open");
    expect(damaged.context.state.packages).toBeUndefined();
  });

  it("never reads the host's database through a link of the image", async () => {
    const outside = await scratchFolder();
    await writeFile(join(outside, "status"), STATUS);
    const workFolder = await scratchFolder();
    const imageRoot = join(workFolder, "root");
    await mkdir(join(imageRoot, "var/lib"), { recursive: true });
    await symlink(outside, join(imageRoot, "var/lib/dpkg"));
    const context = stepContext({ workFolder, state: { imageRoot } });
    await listPackages(context, STEP);
    expect(context.state.packages).toBeUndefined();
  });
});
