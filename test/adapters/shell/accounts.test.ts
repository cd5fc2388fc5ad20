import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { passwdWith, rootAccount, shadowWith } from "../../../adapters/shell/accounts.ts";
import { sshdConfig } from "../../../adapters/shell/sshd-config.ts";
import { scratchFolder } from "../../support/archives.ts";

async function imageWith(...programs: readonly string[]): Promise<string> {
  const root = await scratchFolder();
  for (const folder of ["usr/bin", "root"]) await mkdir(join(root, folder), { recursive: true });
  await symlink("usr/bin", join(root, "bin"));
  for (const name of programs) await writeFile(join(root, "usr/bin", name), "", { mode: 0o755 });
  return root;
}

describe("who logs in to a jail", () => {
  it("is root as the image has it", async () => {
    const root = await imageWith("zsh", "sh");
    const passwd = "daemon:x:1:1::/:/bin/sh\nroot:x:0:0:root:/root:/bin/zsh\n";
    expect(await rootAccount(root, passwd)).toEqual({ home: "/root", shell: "/bin/zsh" });
  });

  it("gets a shell that is there when root's own is not, or is none", async () => {
    const root = await imageWith("sh", "nologin");
    for (const own of ["/bin/zsh", "/bin/nologin", "/bin/false", ""])
      expect(await rootAccount(root, `root:x:0:0:root:/gone:${own}\n`)).toEqual({
        home: "/",
        shell: "/bin/sh",
      });
  });

  it("is nobody where no shell is", async () => {
    const root = await imageWith();
    await symlink("/bin/sh", join(root, "usr/bin/sh"));
    expect(await rootAccount(root, "")).toBeUndefined();
  });

  it("is known to sshd by changed copies of this machine's files, without a password and not locked", () => {
    const account = { home: "/root", shell: "/bin/$&" };
    const passwd = "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n";
    expect(passwdWith(passwd, account)).toBe(passwd.replace("/bin/bash", () => "/bin/$&"));
    expect(passwdWith("", account)).toBe("root:x:0:0:root:/root:/bin/$&\n");
    expect(shadowWith("root:!secret:1:0:9:7:::\nother:*:1::::::\n")).toBe(
      "root:*:19000:0:99999:7:::\nother:*:1::::::\n",
    );
    expect(shadowWith("")).toContain("root:*:");
  });
});

describe("sshd's configuration", () => {
  const config = {
    host: "127.0.0.1",
    port: 22,
    hostKey: "/k",
    authorizedKeys: "/a",
    environment: { A: "b", C: "d" },
  };

  it("stands paths with blanks, quotes and percent signs, and addresses of both kinds", () => {
    const text = sshdConfig({ ...config, host: "::1", hostKey: '/with "blanks"', authorizedKeys: "/50%h" });
    expect(text).toContain("ListenAddress [::1]:22\n");
    expect(text).toContain('HostKey "/with \\"blanks\\""\n');
    expect(text).toContain('AuthorizedKeysFile "/50%%h"\n');
    expect(text).toContain("SetEnv A=b C=d\n");
    expect(text).not.toContain("ChrootDirectory");
  });

  it("lets nobody in without the key, and forwards nothing", () => {
    const text = sshdConfig({ ...config, jail: "/mnt/image/image-root" });
    for (const line of [
      "AllowUsers root",
      "AuthenticationMethods publickey",
      "PasswordAuthentication no",
      "UsePAM no",
      "DisableForwarding yes",
      'ChrootDirectory "/mnt/image/image-root"',
    ])
      expect(text.split("\n")).toContain(line);
  });
});
