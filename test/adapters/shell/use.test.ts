import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const METER = join(import.meta.dirname, "../../../adapters/shell/use.ts");

/** Root may look into everything, unless it is in a container. */
const AS_IN_CONTAINER = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"];

describe("the use of a shell", () => {
  it("is told where not every process shows what it has read and written", () => {
    const script = `
      import { readFile } from "node:fs/promises";
      import { createUseMeter } from ${JSON.stringify(METER)};
      const used = createUseMeter("/dev/pts");
      const hidden = await readFile("/proc/${process.pid}/io").then(() => "shown", ({ code }) => code);
      console.log(hidden, await used());
    `;
    const command = [process.execPath, "--input-type=module", "--eval", script];
    const [file = "", ...args] = process.getuid?.() === 0 ? [...AS_IN_CONTAINER, ...command] : command;
    const own = process.getuid?.() === 0 ? "EACCES" : "shown";
    expect(execFileSync(file, args, { encoding: "utf8" }).trim().split(" ")).toEqual([own, "false"]);
  });
});
