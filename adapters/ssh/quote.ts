/** A program and its arguments. */
export type RemoteArgv = readonly [file: string, ...args: string[]];

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/u;

/**
 * The one line that sshd takes for a command, which the remote user's shell takes apart again into exactly these words.
 * The only place where anything is quoted for a remote shell.
 */
export function quoted(argv: RemoteArgv): string {
  return argv.map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}
