import { lstat, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Debian's package of OpenSSH's server starts it, and has it started at every boot. Jobs need its program only. */
const UNITS = ["etc/systemd/system/ssh.service", "etc/systemd/system/ssh.socket"];
const POLICY = "usr/sbin/policy-rc.d";
/** Debian's word for: nothing is started while packages are installed. */
const FORBID_STARTING = "#!/bin/sh\nexit 101\n";

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Does `work`, which installs openssh-server, without any sshd being started then or at the next boot. A machine that
 * has its own idea of either (a unit, a policy) keeps it. Answers what the machine's owner should know.
 */
export async function withQuietSshd(work: () => Promise<void>, root = "/"): Promise<readonly string[]> {
  const masked: string[] = [];
  for (const unit of UNITS.map((path) => join(root, path))) {
    if (await isThere(unit)) continue;
    await mkdir(dirname(unit), { recursive: true });
    await symlink("/dev/null", unit);
    masked.push(unit);
  }
  const policy = join(root, POLICY);
  const isOurs = !(await isThere(policy));
  if (isOurs) await writeFile(policy, FORBID_STARTING, { mode: 0o755 });
  try {
    await work();
  } finally {
    if (isOurs) await rm(policy, { force: true });
  }
  if (masked.length === 0) return [];
  return [
    "The machine's own sshd is installed but masked, so it listens nowhere: systemctl unmask ssh.service ssh.socket",
  ];
}
