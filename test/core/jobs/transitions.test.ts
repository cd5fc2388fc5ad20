import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Job } from "../../../core/jobs/job.ts";
import { isTerminal, JOB_STATUSES } from "../../../core/jobs/status.ts";
import { failed, patched, reported, succeeded } from "../../../core/jobs/transitions.ts";
import { aJob } from "../../support/jobs.ts";

const T0 = Date.parse("2026-06-15T12:00:00.000Z");
const reason = {
  code: "build_failed" as const,
  message: "it broke",
  log_tail: ["last words"],
  hint: "mend it",
};

describe("a job's life", () => {
  it("goes forward with what its agent reports, noting when each phase began and ended", () => {
    const fetching = reported(aJob(), { status: "fetching_recipe" }, T0 + 1000);
    const building =
      fetching && reported(fetching, { status: "building_image", message: "kiwi", percent: 4 }, T0 + 3000);
    expect(building?.status).toBe("building_image");
    expect(building?.progress).toEqual({
      message: "kiwi",
      percent: 4,
      phases: [
        { status: "creating", started: "2026-06-15T12:00:00.000Z", ended: "2026-06-15T12:00:01.000Z" },
        { status: "fetching_recipe", started: "2026-06-15T12:00:01.000Z", ended: "2026-06-15T12:00:03.000Z" },
        { status: "building_image", started: "2026-06-15T12:00:03.000Z" },
      ],
    });
  });

  it("does not go back", () => {
    expect(
      reported(aJob({ status: "packaging_artifacts" }), { status: "building_image" }, T0),
    ).toBeUndefined();
  });

  it("does not take a status of the other job type", () => {
    expect(reported(aJob(), { status: "fetching_image" }, T0)).toBeUndefined();
  });

  it("opens a debug shell from anywhere in a create job", () => {
    expect(reported(aJob({ status: "building_image" }), { status: "waiting_on_user" }, T0)?.status).toBe(
      "waiting_on_user",
    );
  });

  it("ends in success with its image", () => {
    expect(succeeded(aJob({ status: "packaging_artifacts" }), "image", T0)).toMatchObject({
      status: "success",
      resultant_image_id: "image",
    });
  });

  it("ends in an error that says in which phase, why and what to do", () => {
    expect(failed(aJob({ status: "building_image" }), reason, T0)).toMatchObject({
      status: "error",
      error: { ...reason, phase: "building_image" },
    });
  });

  it("lets an administrator set any status, also out of success, without inventing a reason (behaviour 171)", () => {
    fc.assert(
      fc.property(fc.constantFrom(...JOB_STATUSES), fc.constantFrom(...JOB_STATUSES), (from, to) => {
        const job = patched(aJob({ status: from }), { status: to }, T0);
        expect(job.status).toBe(to);
        expect(job.error).toBeUndefined();
      }),
    );
  });

  it("never changes once it has ended, whatever agents and timers say", () => {
    const events = fc.array(
      fc.oneof(
        fc.constantFrom(...JOB_STATUSES).map((status) => (job: Job) => reported(job, { status }, T0)),
        fc.constant((job: Job) => failed(job, reason, T0)),
        fc.constant((job: Job) => succeeded(job, "image", T0)),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(events, (list) => {
        let job = aJob();
        for (const event of list) {
          const next = event(job);
          expect(isTerminal(job.status) ? next : undefined).toBeUndefined();
          job = next ?? job;
        }
        const open = job.progress?.phases.filter((phase) => phase.ended === undefined) ?? [];
        expect(open).toHaveLength(isTerminal(job.status) ? 0 : 1);
      }),
    );
  });
});
