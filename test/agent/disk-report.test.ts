import { describe, expect, it } from "vitest";
import { withDiskUse } from "../../functions/agent/disk-report.ts";

const GIB = 2 ** 30;
const FULL = { code: "disk_full", message: "The disk is full.", hint: "?" } as const;

describe("what is said of a full disk", () => {
  it("is how much was asked, used and free", () => {
    const use = { used: 3.2 * GIB, free: 0, size: 10 * GIB };
    expect(withDiskUse(FULL, 60, use)).toEqual({
      code: "disk_full",
      message:
        "The disk is full. The job asked for 60 GiB (build_env_size), its work folder holds 3.2 GiB, of the disk's 10 GiB are 0 MiB free.",
      hint: expect.stringContaining("less room than the job may use"),
    });
  });

  it("is that the job should ask for more, when it used what it asked for", () => {
    expect(withDiskUse(FULL, 5, { used: 5 * GIB, free: 0, size: 5 * GIB }).hint).toContain(
      "post it again with build_env_size 10.",
    );
  });

  it("leaves out what could not be counted", () => {
    const { message } = withDiskUse(FULL, 5, { free: GIB, size: 5 * GIB });
    expect(message).not.toContain("holds");
  });
});
