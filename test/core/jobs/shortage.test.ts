import { describe, expect, it } from "vitest";
import { memoryHint } from "../../../core/jobs/shortage.ts";

const GIB = 2 ** 30;

describe("what a job is told to do when memory ran out", () => {
  it("is to ask for twice as much when it used what it asked for", () => {
    expect(memoryHint({ limitBytes: 3 * GIB, peakBytes: 2.9 * GIB })).toBe(
      "The job asked for 3 GiB (job_mem_size) and used 2.9 GiB at its peak: post it again with job_mem_size 6.",
    );
    expect(memoryHint({ limitBytes: 8 * GIB })).toContain("post it again with job_mem_size 16");
  });

  it("is to leave the machine more room when it used far less", () => {
    expect(memoryHint({ limitBytes: 8 * GIB, peakBytes: 300 * 2 ** 20 })).toBe(
      "The job asked for 8 GiB (job_mem_size) and used 300 MiB at its peak, so the machine's memory ran out: let fewer jobs run at once (IMS_MAX_JOBS), or use a machine with more.",
    );
  });

  it("names all ways when nothing is known", () => {
    expect(memoryHint({})).toContain("(job_mem_size)");
    expect(memoryHint({})).toContain("(IMS_MAX_JOBS)");
  });
});
