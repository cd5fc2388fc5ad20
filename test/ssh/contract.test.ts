import type { JobRef, JobRunner } from "../../core/ports/job-runner.ts";
import { describeJobRunner, type RunnerBench } from "../contract/job-runner.suite.ts";
import { jobWork } from "../support/job-work.ts";
import { IDLE } from "../support/local-runner.ts";
import { buildNode, FOLDER, remainsOn, sshBench, startedOn } from "../support/ssh-runner.ts";

const placed = (ref: JobRef): JobRef => ({ ...ref, node: "x1" });

/** As the service does, which remembers where it placed a job. */
const onNode = (runner: JobRunner): JobRunner => ({
  name: runner.name,
  launch: (order) => runner.launch({ ...order, node: "x1" }),
  inspect: (ref) => runner.inspect(placed(ref)),
  stop: (ref) => runner.stop(placed(ref)),
  leftovers: () => runner.leftovers(),
});

async function benchOn(behaviour = IDLE): Promise<RunnerBench> {
  const node = await buildNode();
  const { again, runner, newJob } = await sshBench([node], behaviour);
  const remains = (jobId: string) => remainsOn(node, jobId);
  return {
    runner: onNode(runner),
    again: () => onNode(again()),
    newJob,
    order: (jobId, attempt = 1) => ({ jobId, attempt, token: `secret-${attempt}`, work: jobWork(jobId) }),
    started: (jobId) => startedOn(node, jobId),
    exposed: (jobId) =>
      node.inside(
        "sh",
        "-c",
        `podman inspect ims-${jobId}; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'`,
      ),
    running: async (jobId) => {
      const pids = await node.inside("sh", "-c", `podman top ims-${jobId} hpid 2>/dev/null | tail -n +2`);
      return pids.split("\n").filter((pid) => pid.trim() !== "");
    },
    hiding: 5,
    remains: async (jobId) => {
      const { containers, folders, processes } = await remains(jobId);
      // What is put aside is removed in the background.
      const kept = folders.filter((folder) => !folder.startsWith(`${FOLDER}/test/trash/`));
      return [...containers, ...kept, ...processes.map(String)];
    },
    killAgent: async (jobId) =>
      void (await node.inside("podman", "kill", "--signal", "KILL", `ims-${jobId}`)),
  };
}

describeJobRunner("ssh", benchOn);
