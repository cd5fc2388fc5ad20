import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { createAgentProcess } from "../support/agent-process.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { NOTHING, until } from "../support/local-runner.ts";

const isRoot = process.getuid?.() === 0;

/** A build that holds on to everything it can: mounts, a busy one too, and processes that left their session. */
const CLINGING = `
  mkdir -p m/proc
  if [ "$(id -u)" = 0 ]; then mount -t tmpfs none m; mkdir m/proc; mount -t proc proc m/proc; fi
  (cd m && setsid sleep 300 &)
  nohup setsid sh -c 'while :; do sleep 1; done' >/dev/null 2>&1 &
  (setsid env -i sleep 300 &)
  echo building
  while :; do sleep 1; done`;

async function kill9(agent: AgentProcess): Promise<void> {
  for (const view of await listProcesses()) {
    if (!view.environment.includes(`IMS_JOB_ID=${agent.jobId}`)) continue;
    if (!view.environment.some((entry) => entry.startsWith("IMS_SERVICE_URL="))) continue;
    const comm = await readFile(`/proc/${view.pid}/comm`, "utf8").catch(() => "");
    if (comm.trim() !== "unshare") process.kill(view.pid, "SIGKILL");
  }
}

describe.each(["auto", "none"] as const)("kill -9 of an agent, isolation %s", (isolation) => {
  it.each([0, 60, 120, 200, 300, 450])(
    "%i ms after its launch leaves nothing that stop does not remove",
    async (wait) => {
      const agent = await createAgentProcess(CLINGING, { isolation });
      await agent.launch();
      await delay(wait);
      await kill9(agent);
      await until(async () => ((await agent.runner.inspect(agent)).state === "absent" ? true : undefined));
      expect(await agent.runner.leftovers()).toEqual([{ jobId: agent.jobId }]);
      await agent.runner.stop(agent);
      expect(await agent.remains()).toEqual(NOTHING);
      expect(await agent.runner.leftovers()).toEqual([]);
    },
  );

  it("in the middle of a build leaves nothing that stop does not remove", async () => {
    const agent = await createAgentProcess(CLINGING, { isolation });
    await agent.launch();
    await until(() => agent.service.log().includes("building\n") || undefined);
    const before = (await agent.remains()).processes;
    expect(before.length).toBeGreaterThan(4);
    expect((await agent.remains()).mounts).toHaveLength(isRoot && isolation === "none" ? 2 : 0);
    await kill9(agent);
    await until(async () => ((await agent.runner.inspect(agent)).state === "absent" ? true : undefined));
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
    const alive = (await listProcesses()).map(({ pid }) => pid);
    expect(before.filter((pid) => alive.includes(pid))).toEqual([]);
  });
});

describe.runIf(isRoot)("kill -9 of an agent that has namespaces", () => {
  it("ends all that it started at once, before anybody stops it", async () => {
    const agent = await createAgentProcess(CLINGING);
    await agent.launch();
    await until(() => agent.service.log().includes("building\n") || undefined);
    await kill9(agent);
    expect(await until(async () => ((await agent.remains()).processes.length === 0 ? true : undefined))).toBe(
      true,
    );
  });
});
