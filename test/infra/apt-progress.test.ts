import { describe, expect, it } from "vitest";
import { createAptProgress } from "../../infra/setup/apt-progress.ts";

describe("reading apt-get's output", () => {
  it("counts what is fetched and set up against the number that apt-get announced", () => {
    const progress = createAptProgress();
    const lines = [
      "Reading package lists...",
      "0 upgraded, 2 newly installed, 0 to remove and 3 not upgraded.",
      "Need to get 61.1 MB of archives.",
      "Get:1 http://archive.invalid/debian bookworm/main amd64 kiwi all 9.24 [1,024 kB]",
      "Selecting previously unselected package kiwi.",
      "Setting up rsync (3.2.7-1) ...",
      "Setting up libc6:amd64 (2.36) ...",
    ];
    expect(lines.map((line) => progress.read(line))).toEqual([
      undefined,
      undefined,
      "2 packages, 61.1 MB to download",
      "downloaded 1 of 2",
      undefined,
      "set up 1 of 2: rsync",
      "set up 2 of 2: libc6",
    ]);
  });

  it("says nothing of an update, which installs nothing", () => {
    expect(
      createAptProgress().read("Get:1 http://archive.invalid/debian bookworm InRelease [151 kB]"),
    ).toBeUndefined();
  });
});
