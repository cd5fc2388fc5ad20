import { stat } from "node:fs/promises";
import { fileInside, lookInside } from "../archive/inside.ts";

/** Where root lives in an image, and with which shell. */
export interface RootAccount {
  readonly home: string;
  readonly shell: string;
}

const ROOT_LINE = /^root:.*$/mu;
const USUAL_SHELLS = ["/bin/bash", "/bin/sh"];
const NO_SHELLS = /\/(?:nologin|false)$/u;

async function isProgram(root: string, path: string): Promise<boolean> {
  const file = await fileInside(root, path);
  return file !== undefined && ((await stat(file)).mode & 0o111) !== 0;
}

/** Root's account as /etc/passwd of the image has it, with a shell that is there; `undefined` when there is none. */
export async function rootAccount(root: string, passwd: string): Promise<RootAccount | undefined> {
  const [, , , , , home = "/root", own = ""] = ROOT_LINE.exec(passwd)?.[0].split(":") ?? [];
  const candidates = [own, ...USUAL_SHELLS].filter((path) => path.startsWith("/") && !NO_SHELLS.test(path));
  for (const shell of candidates) {
    if (!(await isProgram(root, shell))) continue;
    const isThere = (await lookInside(root, home))?.stats.isDirectory() === true;
    return { home: isThere ? home : "/", shell };
  }
  return undefined;
}

/** This machine's passwd with root living elsewhere: sshd looks up its users there, also those of a jail. */
export function passwdWith(passwd: string, { home, shell }: RootAccount): string {
  const line = `root:x:0:0:root:${home}:${shell}`;
  return ROOT_LINE.test(passwd) ? passwd.replace(ROOT_LINE, () => line) : `${line}\n${passwd}`;
}

/** A root without a password that nevertheless may log in: with `!` in it sshd takes the account for locked. */
export function shadowWith(shadow: string): string {
  const line = "root:*:19000:0:99999:7:::";
  return ROOT_LINE.test(shadow) ? shadow.replace(ROOT_LINE, () => line) : `${line}\n${shadow}`;
}
