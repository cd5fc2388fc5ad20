import { access, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withQuietSshd } from "../../infra/setup/quiet-sshd.ts";
import { toolsFor } from "../../infra/setup/tools.ts";
import { scratchFolder } from "../support/archives.ts";

const SERVICE = "etc/systemd/system/ssh.service";
const POLICY = "usr/sbin/policy-rc.d";

async function machine(): Promise<string> {
  const root = await scratchFolder();
  await mkdir(join(root, "usr/sbin"), { recursive: true });
  return root;
}

describe("installing OpenSSH's server for jobs", () => {
  it("keeps it from being started, then and later, and says so", async () => {
    const root = await machine();
    let meanwhile = "";
    const said = await withQuietSshd(async () => {
      meanwhile = await readFile(join(root, POLICY), "utf8");
    }, root);
    expect(meanwhile).toContain("exit 101");
    await expect(access(join(root, POLICY))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readlink(join(root, SERVICE))).toBe("/dev/null");
    expect(said.join()).toContain("systemctl unmask ssh.service");
  });

  it("lets other packages start again when it fails", async () => {
    const root = await machine();
    const failing = withQuietSshd(() => Promise.reject(new Error("no such package")), root);
    await expect(failing).rejects.toThrow("no such package");
    await expect(access(join(root, POLICY))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("leaves a unit and a policy alone that the machine has", async () => {
    const root = await machine();
    await mkdir(join(root, "etc/systemd/system"), { recursive: true });
    for (const name of [SERVICE, "etc/systemd/system/ssh.socket", POLICY])
      await writeFile(join(root, name), "its own");
    expect(await withQuietSshd(async () => undefined, root)).toEqual([]);
    expect(await readFile(join(root, SERVICE), "utf8")).toBe("its own");
    expect(await readFile(join(root, POLICY), "utf8")).toBe("its own");
  });

  it("is asked for by its own purpose alone", () => {
    const packages = (purpose: "build" | "shell") =>
      toolsFor([purpose], "x64").map((tool) => tool.packages.apt);
    expect(packages("shell")).toContain("openssh-server");
    expect(packages("build")).not.toContain("openssh-server");
  });
});
