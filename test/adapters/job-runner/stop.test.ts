import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { listLoopDevices } from "../../../adapters/process/loop-devices.ts";
import { listProcesses } from "../../../adapters/process/process-table.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { createAgentProcess } from "../../support/agent-process.ts";
import { NOTHING, createRunnerBench, until } from "../../support/local-runner.ts";

const isRoot = process.getuid?.() === 0;
const run = createRunCommand({ env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });

/** Everything at once that a build can do to stay. */
const CLINGING = `
  base=$IMS_WORK_FOLDER
  (cd / && setsid env -i sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 &)
  nohup setsid sh -c 'trap "" TERM; sleep 300' >/dev/null 2>&1 &
  if [ "$(id -u)" = 0 ]; then
    unshare --pid --fork --mount-proc sh -c 'trap "" TERM; (setsid env -i sleep 300 &); cd /; sleep 300' >/dev/null 2>&1 &
    mkdir -p $base/m $base/p; mount -t tmpfs none $base/m; mkdir $base/m/deep; mount -t tmpfs none $base/m/deep
    mount --bind / $base/p; (cd $base/m/deep && exec setsid env -i sleep 300) &
    truncate -s 1M $base/a.img $base/b.img $base/m/c.img
    for f in $base/a.img $base/b.img $base/m/c.img; do losetup -f $f || echo "no loop device"; done; rm $base/b.img
    mkdir -p $base/stays/inner; echo x >$base/stays/inner/file; echo y >>$base/stays/append
    chattr +i $base/stays/inner/file $base/stays/inner $base/stays || true; chattr +a $base/stays/append || true
  fi
  mkdir -p $base/closed/inner; echo x >$base/closed/inner/file; chmod 0 $base/closed/inner $base/closed
  echo building
  exec sleep 300`;

const building = (agent: Awaited<ReturnType<typeof createAgentProcess>>) =>
  until(() => agent.service.log().includes("building\n") || undefined);

const loopsOf = async (folder: string) =>
  (await listLoopDevices(run)).filter(({ file }) => file.startsWith(folder));

describe("a build that clings to the machine", () => {
  it.runIf(isRoot)(
    "is gone with processes, mounts, loop devices, groups and folder once it is stopped",
    async () => {
      const agent = await createAgentProcess(CLINGING);
      await agent.launch();
      await building(agent);
      const before = new Set((await listProcesses()).map(({ pid }) => pid));
      const loops = await loopsOf(agent.workFolder);
      expect(loops.length).toBe(agent.service.log().includes("no loop device") ? 0 : 3);
      await agent.runner.stop(agent);
      expect(await agent.remains()).toEqual(NOTHING);
      const devices = new Set((await listLoopDevices(run)).map(({ device, inode }) => `${device} ${inode}`));
      expect(loops.filter(({ device, inode }) => devices.has(`${device} ${inode}`))).toEqual([]);
      const left = (await listProcesses()).filter(({ pid }) => before.has(pid));
      const namespaces = left.filter(({ pid }) => isOf(pid, agent.jobId));
      expect(namespaces).toEqual([]);
      await until(() => (readdirSync(join(agent.base, "jobs/.trash")).length === 0 ? true : undefined));
    },
  );

  it.runIf(isRoot)("is gone as well when its agent is the first to be killed", async () => {
    const agent = await createAgentProcess(CLINGING);
    await agent.launch();
    await building(agent);
    const note = JSON.parse(readFileSync(join(agent.base, `jobs/.agents/${agent.jobId}.json`), "utf8"));
    process.kill(note.agent.pid, "SIGKILL");
    await until(async () => ((await agent.runner.inspect(agent)).state === "absent" ? true : undefined));
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
    const kept = await listLoopDevices(run);
    expect(kept.filter(({ file }) => file.endsWith("/a.img"))).toEqual([]);
    // Nobody can tell any more whose these were.
    for (const { device, file } of kept)
      if (/\/[bc]\.img/u.test(file)) await run({ file: "losetup", args: ["--detach", device] });
  });

  it("is gone also when it is not kept apart, as far as it lives in its folder", async () => {
    const agent = await createAgentProcess(
      "(cd .. && setsid env -i sleep 300 &) ; echo building; exec sleep 300",
      {
        isolation: "none",
      },
    );
    await agent.launch();
    await building(agent);
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
  });
});

function isOf(pid: number, jobId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`ims-job-${jobId}`);
  } catch {
    return false;
  }
}

describe("what a service that was killed left in the trash", () => {
  it("is removed at the next look for leftovers, and is none of a job", async () => {
    const { runner, workRoot } = await createRunnerBench("auto");
    await mkdir(join(workRoot, ".trash/some-job.1/closed"), { recursive: true });
    await writeFile(join(workRoot, ".trash/some-job.1/closed/file"), "x");
    expect(await runner.leftovers()).toEqual([]);
    expect(await readdir(join(workRoot, ".trash"))).toEqual([]);
  });
});

describe("a note of a job of which nothing else is left", () => {
  it("is found as a leftover, and goes", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, ".agents"), { recursive: true });
    const path = join(workRoot, ".agents", `${job}.json`);
    await writeFile(path, JSON.stringify({ attempt: 1, boot: "x", groups: [] }));
    onTestFinished(() => runner.stop({ jobId: job }));
    expect(await runner.leftovers()).toEqual([{ jobId: job }]);
    await runner.stop({ jobId: job });
    expect(existsSync(path)).toBe(false);
    expect(await runner.leftovers()).toEqual([]);
  });
});
