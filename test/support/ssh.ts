import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratchFolder } from "./archives.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Real clients of OpenSSH with a key of their own, for shells that they see for the first time. */
export interface SshClient {
  readonly publicKey: string;
  at(address: { readonly host: string; readonly port: number }): {
    /** Runs a command over ssh. */
    readonly sh: (command: string, ...options: readonly string[]) => Promise<Ran>;
    readonly sftp: (batch: string) => Promise<Ran>;
    readonly scp: (from: string, to: string) => Promise<Ran>;
  };
}

async function ran(file: string, args: readonly string[], input = ""): Promise<Ran> {
  return await new Promise((resolve) => {
    const child = execFile(file, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
      resolve({ code, out: stdout + stderr });
    });
    // A client that is refused does not read to the end.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

const QUIET = [
  "-o",
  "UserKnownHostsFile=/dev/null",
  "-o",
  "StrictHostKeyChecking=no",
  "-o",
  "LogLevel=ERROR",
];

export async function sshClient(): Promise<SshClient> {
  const key = join(await scratchFolder(), "key");
  await ran("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const common = [...QUIET, "-o", "BatchMode=yes", "-i", key, "-F", "none"];
  return {
    publicKey: await readFile(`${key}.pub`, "utf8"),
    at: ({ host, port }) => ({
      sh: (command, ...options) =>
        ran("ssh", [...common, "-p", `${port}`, ...options, `root@${host}`, command]),
      sftp: async (batch) => {
        const file = `${key}.batch`;
        await writeFile(file, batch);
        return await ran("sftp", [...common, "-P", `${port}`, "-b", file, `root@${host}`]);
      },
      scp: (from, to) => ran("scp", [...common, "-P", `${port}`, from, `root@${host}:${to}`]),
    }),
  };
}
