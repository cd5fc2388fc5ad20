import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createAgentProcess } from "../../support/agent-process.ts";
import { NOTHING, until } from "../../support/local-runner.ts";

const isRoot = process.getuid?.() === 0;

/** Launches an agent whose build runs this shell text, and answers what it printed until it failed. */
async function printed(script: string, options: Parameters<typeof createAgentProcess>[1] = {}) {
  const agent = await createAgentProcess(`${script}\nexit 5`, options);
  const [data, other] = [join(agent.base, "data"), join(agent.base, "other")];
  await mkdir(join(data, "artifacts"), { recursive: true });
  await mkdir(join(data, "program"));
  await mkdir(other);
  for (const file of [join(data, "records"), join(data, "program/main"), join(other, "secret")])
    await writeFile(file, `content of ${file}\n`);
  await agent.launch();
  await until(() => agent.service.failed());
  return { ...agent, log: agent.service.log() };
}

const capabilities = (log: string) => BigInt(`0x${/CapBnd:\s+(\w+)/u.exec(log)?.[1] ?? ""}`);
const has = (set: bigint, number: number) => ((set >> BigInt(number)) & 1n) === 1n;

describe.runIf(isRoot)("what a build sees of the machine", () => {
  it("is its own processes alone, under a host name of its own", async () => {
    const { log } = await printed("ls -d /proc/[0-9]*; hostname builder; readlink /proc/self/ns/uts");
    const pids = [...log.matchAll(/^\/proc\/(\d+)$/gmu)].map(([, pid]) => Number(pid));
    expect(pids).toContain(1);
    expect(Math.max(...pids)).toBeLessThan(1000);
    expect((await readFile("/proc/sys/kernel/hostname", "utf8")).trim()).not.toBe("builder");
  });

  it("is not what is hidden, but for the job's own work folder and what is needed", async () => {
    const { log, workFolder } = await printed(
      'cd "$IMS_WORK_FOLDER"; pwd; base=$(dirname "$(dirname "$PWD")"); echo mine >made; ls -A "$base" "$base/data" "$base/data/program" "$base/jobs"; cat "$base/other/secret"; ls "$base/jobs/../jobs/other-job"; touch "$base/data/new"',
      { hidden: ["data", "jobs", "other/secret"], needed: ["data/program"] },
    );
    expect(log).toContain(`${workFolder}\n`);
    expect(log).toMatch(/\/data:\nprogram\n/u);
    expect(log).toMatch(/\/program:\nmain\n/u);
    expect(log).toMatch(new RegExp(`/jobs:\\n${workFolder.split("/").at(-1)}\\n`, "u"));
    expect(log).not.toContain("content of");
    expect(log).toContain("cannot access");
    expect(log).toContain("Read-only file system");
    expect(log).not.toContain("runs without");
  });

  it("stays hidden from a program that walks up from where it started", async () => {
    const { log } = await printed("cat ../../../../data/records ../../../data/records ../../data/records", {
      hidden: ["data", "jobs"],
    });
    expect(log).not.toContain("content of");
  });

  it("shows to nobody else: what is hidden there is as it was outside", async () => {
    const agent = await createAgentProcess("echo building; exec sleep 300", { hidden: ["data", "jobs"] });
    await mkdir(join(agent.base, "data"));
    await writeFile(join(agent.base, "data/records"), "here");
    await agent.launch();
    await until(() => agent.service.log().includes("building\n") || undefined);
    expect(await readFile(join(agent.base, "data/records"), "utf8")).toBe("here");
    expect(await readdir(agent.workFolder)).toContain("recipe.tar.gz");
    expect((await agent.remains()).mounts).toEqual([]);
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
  });

  it("is removed by an agent that ends by itself although it lay in a hidden folder", async () => {
    const agent = await printed("echo done", { hidden: ["jobs"] });
    await until(async () => {
      const { processes, folder } = await agent.remains();
      return processes.length === 0 && !folder ? true : undefined;
    });
    expect((await stat(join(agent.base, "jobs"))).isDirectory()).toBe(true);
  });

  it("takes no capability that no build needs, and keeps those that builds need", async () => {
    const { log } = await printed("cat /proc/self/status");
    const own = capabilities(await readFile("/proc/self/status", "utf8"));
    const set = capabilities(log);
    const dropped = [2, 11, 12, 13, 16, 17, 20, 22, 25, 26, 30, 32, 33, 34, 35, 36, 37, 38, 39, 40];
    expect(dropped.filter((number) => has(set, number))).toEqual([]);
    const kept = Array.from({ length: 41 }, (_, number) => number).filter((n) => !dropped.includes(n));
    expect(kept.filter((number) => has(set, number))).toEqual(kept.filter((number) => has(own, number)));
  });
});

describe("a job on a machine that cannot keep it apart", () => {
  it("says once in its log and to the service what it does without", async () => {
    const lacks: string[] = [];
    const path = "/nowhere";
    const agent = await createAgentProcess("exit 5", {
      hidden: ["jobs"],
      env: { PATH: path },
      onLack: (lack) => lacks.push(lack),
    });
    await agent.launch();
    await until(() => agent.service.failed());
    expect(lacks.map((lack) => lack.replace(/ \(.*/u, ""))).toEqual([
      "namespaces of their own, and without hiding the service's data",
      "giving up capabilities",
    ]);
    for (const lack of lacks)
      expect(agent.service.log().split(`This job runs without ${lack}.`)).toHaveLength(2);
    await agent.runner.stop(agent);
  });
});
