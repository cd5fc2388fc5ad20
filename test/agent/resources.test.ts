import { describe, expect, it } from "vitest";
import { StepFailure } from "../../functions/agent/step.ts";
import { createAgentBench } from "../support/agent-bench.ts";

const failing = () => {
  throw new StepFailure("build_failed", "It was too much.", { hint: "Retry.", exitCode: 1 });
};

describe("a step that fails", () => {
  it("is the fault of memory when a program was killed in it", async () => {
    let kills = 0;
    const bench = await createAgentBench({ memory: async () => ({ kills, peakBytes: 2 ** 30 }) });
    await bench.run({
      "build-with-kiwi": () => {
        kills = 1;
        failing();
      },
    });
    expect(bench.service.failed()).toMatchObject({
      code: "oom_killed",
      message: "Memory ran out, and the kernel killed a program of the job. It was too much.",
      exit_code: 1,
    });
  });

  it("is not, when that was in an earlier one, which succeeded all the same", async () => {
    let kills = 0;
    const bench = await createAgentBench({ memory: async () => ({ kills }) });
    await bench.run({
      "await-repositories": () => {
        kills = 1;
      },
      "build-with-kiwi": failing,
    });
    expect(bench.service.failed()).toMatchObject({ code: "build_failed", message: "It was too much." });
  });
});

describe("a job that takes more disk than it asked for", () => {
  it("is ended in the middle of its step, whatever that waits for", async () => {
    const bench = await createAgentBench({ limits: { memoryBytes: 2 ** 33, diskBytes: 2 ** 20 } });
    await bench.run({
      "build-with-kiwi": async ({ run, signal, workFolder }) => {
        const args = ["-c", "head -c 9000000 /dev/zero >big && sleep 300"];
        await run({ file: "sh", args, cwd: workFolder, signal });
      },
    });
    expect(bench.service.failed()).toMatchObject({ code: "disk_full" });
    expect(bench.service.failed()?.message).toMatch(
      /^The job used more of the disk than it may\. The job asked for \d+ GiB \(build_env_size\), its work folder holds 9 MiB, /u,
    );
  });
});
