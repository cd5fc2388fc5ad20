import { describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import { followJob } from "../../../functions/cli/demo/follow.ts";
import type { DemoApi, DemoJob } from "../../../functions/cli/demo/parts.ts";
import { clockTime, createProgressReporter, statusText } from "../../../functions/cli/demo/progress.ts";
import { createTerminal, fit } from "../../../functions/cli/terminal.ts";

const job = (status: DemoJob["status"], more: Partial<DemoJob> = {}): DemoJob => ({
  id: "job-1",
  status,
  resultant_image_id: null,
  ...more,
});

function screen(isTTY: boolean, columns = 40) {
  const written: string[] = [];
  const out = { isTTY, columns, write: (text: string) => written.push(text) };
  return { written, terminal: createTerminal(out, { write: (text) => written.push(`err ${text}`) }) };
}

describe("the status line", () => {
  it("has phase, elapsed time, percent, message and the last line", () => {
    const building = job("building_image", {
      progress: { message: "Installing", percent: 45.4, phases: [] },
    });
    expect(statusText(building, 83_000, "Setting up libc6")).toBe(
      "[1:23] building_image | 45 % | Installing | Setting up libc6",
    );
  });

  it("leaves out what is not known", () => {
    expect(statusText(job("creating"), 0, "")).toBe("[0:00] creating");
  });

  it("drops what kiwi puts before each line", () => {
    expect(statusText(job("building_image"), 0, "[ DEBUG   ]: 21:13:50 | bootstrap: I: Unpacking")).toBe(
      "[0:00] building_image | bootstrap: I: Unpacking",
    );
  });

  it("tells hours when there are some", () => {
    expect([59_999, 3_600_000, 3_725_000].map((time) => clockTime(time))).toEqual([
      "0:59",
      "1:00:00",
      "1:02:05",
    ]);
  });

  it("is cut to the width of the terminal, and printable", () => {
    expect(fit("\u001B[2Jäöü\tabcdef", 6)).toBe("äöü a…");
    expect(fit("short", 6)).toBe("short");
  });
});

describe("reporting progress", () => {
  it("redraws one line on a terminal, below a line for each phase", () => {
    const { written, terminal } = screen(true);
    const reporter = createProgressReporter(terminal, () => 0);
    reporter.update(job("creating"), "");
    reporter.update(job("building_image"), "x".repeat(100));
    expect(written).toEqual([
      "\r\u001B[2K[0:00] creating\n",
      "\r\u001B[2K[0:00] creating",
      "\r\u001B[2K[0:00] building_image\n",
      `\r\u001B[2K[0:00] building_image | ${"x".repeat(14)}…`,
    ]);
  });

  it("writes a line for each phase and one every ten seconds elsewhere", () => {
    const { written, terminal } = screen(false);
    let now = 0;
    const reporter = createProgressReporter(terminal, () => now);
    for (; now <= 25_000; now += 1000) reporter.update(job("building_image"), `line ${now}`);
    expect(written).toEqual([
      "[0:00] building_image\n",
      "[0:10] building_image | line 10000\n",
      "[0:20] building_image | line 20000\n",
    ]);
  });
});

function scripted(answers: readonly (DemoJob | Error)[], log: string) {
  const left = [...answers];
  const bytes = new TextEncoder().encode(log);
  const offsets: number[] = [];
  const never = () => Promise.reject(new Error("not part of this"));
  const api: DemoApi = {
    createPublicKey: never,
    createRecipe: never,
    putRecipeArchive: never,
    createJob: never,
    cancelJob: never,
    getImage: never,
    listArtifacts: never,
    readArtifact: never,
    getJob: async () => {
      const answer = left.shift();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("asked too often");
      return answer;
    },
    readJobLog: async (_id, offset) => {
      offsets.push(offset);
      return bytes.subarray(offset, offset + 7);
    },
  };
  return { api, offsets };
}

const unavailable = new DomainError("unavailable", "busy");

describe("following a job", () => {
  const run = async (answers: readonly (DemoJob | Error)[], log = "") => {
    const seen: string[] = [];
    const { api, offsets } = scripted(answers, log);
    const reporter = { update: (one: DemoJob, line: string) => seen.push(`${one.status} ${line}`) };
    const ended = await followJob(api, "job-1", reporter, new AbortController().signal, 1);
    return { ended, seen, offsets };
  };

  it("ends with the job, and reads on in its log where it stopped, whatever the pieces", async () => {
    const states = [job("creating"), job("building_image"), job("building_image"), job("success")];
    const { ended, seen, offsets } = await run(states, "one\ntwö\n\nthree");
    expect(ended.status).toBe("success");
    expect(seen).toEqual(["creating one", "building_image twö", "building_image twö", "success twö"]);
    expect(offsets).toEqual([0, 7, 14, 15]);
  });

  it("bears with a service that does not answer for a while", async () => {
    const { ended } = await run([job("creating"), unavailable, unavailable, job("error")]);
    expect(ended.status).toBe("error");
  });

  it("does not bear with it for ever", async () => {
    await expect(run(Array.from({ length: 30 }, () => unavailable))).rejects.toBe(unavailable);
  });

  it("ends at once when the job does not exist any more", async () => {
    const gone = new DomainError("not-found", "gone");
    await expect(run([job("creating"), gone, job("success")])).rejects.toBe(gone);
  });

  it("ends with the signal's reason when it is aborted", async () => {
    const stop = new AbortController();
    const { api } = scripted([job("creating"), job("creating")], "");
    const reporter = { update: () => stop.abort(new Error("interrupted")) };
    const following = followJob(api, "job-1", reporter, stop.signal, 60_000);
    await expect(following).rejects.toMatchObject({ cause: new Error("interrupted") });
  });
});
