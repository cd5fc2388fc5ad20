import { describe, expect, it } from "vitest";
import { jobFilter } from "../../../core/jobs/filter.ts";
import { aJob } from "../../support/jobs.ts";

const NOW = Date.parse("2026-06-15T12:00:00.000Z");
const at = (created: string) => aJob({ created });

describe("the filter of jobs", () => {
  it("keeps every job without a query", () => {
    expect(jobFilter({}, NOW)(aJob())).toBe(true);
  });

  it("takes several statuses as either, in any case (behaviour 179)", () => {
    const keeps = jobFilter({ status: ["ERROR", "success"] }, NOW);
    expect([keeps(aJob({ status: "error" })), keeps(aJob({ status: "success" })), keeps(aJob())]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("refuses a status that does not exist, and lists with commas (behaviour 179)", () => {
    expect(() => jobFilter({ status: ["done"] }, NOW)).toThrow("The status done is none of");
    expect(() => jobFilter({ status: ["error,success"] }, NOW)).toThrow(/none of/u);
  });

  it("compares the job type exactly (behaviour 180)", () => {
    expect(jobFilter({ job_type: "create" }, NOW)(aJob())).toBe(true);
    expect(() => jobFilter({ job_type: "Create" }, NOW)).toThrow(/none of create, customize/u);
  });

  it("matches jobs that are older than the age, each unit with its own number (behaviour 181, 182)", () => {
    const matches = jobFilter({ age: "1d12h30m" }, NOW);
    expect(matches(at("2026-06-13T23:29:59.999Z"))).toBe(true);
    expect(matches(at("2026-06-13T23:30:00.000Z"))).toBe(false);
  });

  it.each(["", "abc", "5", "7 days", "30seconds", "-1d", "1.5h", "99999999999999999w"])(
    "refuses the age %j instead of matching every job (behaviour 183)",
    (age) => {
      expect(() => jobFilter({ age }, NOW)).toThrow(expect.objectContaining({ code: "bad-request" }));
    },
  );

  it("combines filters with and (behaviour 184)", () => {
    const keeps = jobFilter({ status: ["error"], age: "1h" }, NOW);
    expect(keeps(aJob({ status: "error", created: "2026-06-15T10:30:00.000Z" }))).toBe(true);
    expect(keeps(aJob({ status: "error", created: "2026-06-15T11:30:00.000Z" }))).toBe(false);
    expect(keeps(aJob({ status: "success", created: "2026-06-15T10:30:00.000Z" }))).toBe(false);
  });
});
