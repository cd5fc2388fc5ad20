import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";

const LIMIT_MS = 30_000;
/** sshd's own least, RequiredRSASize. */
const LEAST_RSA_BITS = 1024;

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
}

/** Bits, fingerprint, and kind of each key of a file. */
async function listKeys(run: RunCommand, file: string, signal: AbortSignal) {
  const args = ["-l", "-f", file];
  const { tail } = await run({ file: "ssh-keygen", args, quiet: true, signal: limited(signal) });
  return tail.flatMap((line) => {
    const [, bits, fingerprint, kind] = /^(\d+) (\S+:\S+) .*\(([\w-]+)\)$/u.exec(line) ?? [];
    return fingerprint === undefined ? [] : [{ bits: Number(bits), fingerprint, kind: kind ?? "" }];
  });
}

/** Why sshd could not let anybody in by this text of an authorized_keys file; `undefined` when it can. */
export async function keyTrouble(
  run: RunCommand,
  publicKey: string,
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "key");
  await writeFile(file, publicKey, { mode: 0o600 });
  const keys = await listKeys(run, file, signal);
  if (keys.length === 0) return "it holds no public key that OpenSSH can read";
  const usable = keys.some(({ bits, kind }) => kind !== "DSA" && (kind !== "RSA" || bits >= LEAST_RSA_BITS));
  return usable ? undefined : "sshd no longer takes keys of this kind or size";
}

/** Makes a key for one sshd, and answers its fingerprint. */
export async function makeHostKey(run: RunCommand, file: string, signal: AbortSignal): Promise<string> {
  const args = ["-q", "-t", "ed25519", "-N", "", "-C", "ims", "-f", file];
  const { exitCode } = await run({ file: "ssh-keygen", args, quiet: true, signal: limited(signal) });
  const [key] = exitCode === 0 ? await listKeys(run, `${file}.pub`, signal) : [];
  if (key === undefined) throw new DomainError("unavailable", `ssh-keygen made no host key (${exitCode}).`);
  return key.fingerprint;
}
