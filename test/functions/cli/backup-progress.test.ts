import { describe, expect, it } from "vitest";
import { createBackupProgress, sizeText } from "../../../functions/cli/backup-progress.ts";

function progressOn(live: boolean) {
  const said: string[] = [];
  const stop = new AbortController();
  let now = 0;
  const terminal = {
    live,
    columns: () => 80,
    line: (text: string) => said.push(text),
    status: (text: string) => said.push(`~ ${text}`),
    error: (text: string) => said.push(`! ${text}`),
  };
  const progress = createBackupProgress({ terminal, signal: stop.signal }, () => now);
  const at = (milliseconds: number, done: number, bytes?: number) => {
    now = milliseconds;
    progress({ what: "objects", done, of: 9, ...(bytes === undefined ? {} : { bytes }) });
  };
  return { at, said, stop };
}

describe("the progress of a backup", () => {
  it("is silent for two seconds, then redrawn on a terminal and a line every ten seconds elsewhere", () => {
    const [live, plain] = [progressOn(true), progressOn(false)];
    for (const { at } of [live, plain])
      for (const second of [0, 1, 2, 3, 4, 11, 12, 13]) at(second * 1000, second);
    expect(live.said).toEqual([2, 3, 4, 11, 12, 13].map((done) => `~ objects: ${done} of 9`));
    expect(plain.said).toEqual(["! objects: 2 of 9", "! objects: 12 of 9"]);
  });

  it("tells of a large object how much of it is done", () => {
    const { at, said } = progressOn(true);
    at(3000, 1, 3 * 1024 ** 3);
    expect(said).toEqual(["~ objects: 1 of 9, 3.0 GiB of the next"]);
    expect([0, 1023, 1024, 1536 * 1024, 5000 * 1024 ** 4].map(sizeText)).toEqual([
      "0 bytes",
      "1023 bytes",
      "1.0 KiB",
      "1.5 MiB",
      "5000.0 TiB",
    ]);
  });

  it("ends the work when the user wants to stop", () => {
    const { at, stop } = progressOn(true);
    stop.abort(new Error("interrupted"));
    expect(() => at(0, 1)).toThrow("interrupted");
  });
});
