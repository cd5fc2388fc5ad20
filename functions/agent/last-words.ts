import { open } from "node:fs/promises";

/** Kubernetes keeps no more of a container's. */
const MOST_BYTES = 4096;

/** The agent's own output, for who runs the machine. */
export interface LastWords {
  readonly complain: (this: void, text: string) => void;
  /**
   * Leaves what it complained of last in a file, where those look who see the container end. Without the file nobody
   * looks. Never throws.
   */
  leave(file: string): Promise<void>;
}

export function createLastWords(print: (line: string) => void): LastWords {
  let last = "";
  const complain = (text: string): void => {
    last = text;
    print(`${text}\n`);
  };
  return {
    complain,
    leave: async (file) => {
      if (last === "") return;
      try {
        await using handle = await open(file, "r+");
        await handle.truncate();
        await handle.write(Buffer.from(last).subarray(0, MOST_BYTES), 0, undefined, 0);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOENT"))
          print(`The last words could not be left in ${file}: ${String(error)}\n`);
      }
    },
  };
}
