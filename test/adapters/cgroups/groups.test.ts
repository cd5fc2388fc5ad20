import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { killGroups, membersOf, removeGroups } from "../../../adapters/cgroups/groups.ts";
import { ownHierarchies } from "../../../adapters/cgroups/hierarchies.ts";
import { findJobGroups, jobGroupsIn } from "../../../adapters/cgroups/job-groups.ts";
import { memoryUse } from "../../../adapters/cgroups/memory.ts";
import { scratchFolder } from "../../support/archives.ts";
import { until } from "../../support/local-runner.ts";

const groups = await findJobGroups();

describe("where this process's own groups are", () => {
  const line = (root: string, point: string, rest: string) => `41 31 0:38 ${root} ${point} rw - ${rest}`;

  it("is found in each hierarchy of a machine that has both versions", () => {
    const mounts = [
      line("/", "/", "ext4 /dev/vda rw"),
      line("/", "/sys/fs/cgroup/memory", "cgroup cgroup rw,memory"),
      line("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup cgroup rw,cpu,cpuacct"),
      line("/", "/sys/fs/cgroup/unified", "cgroup2 cgroup2 rw"),
    ];
    const own = "4:memory:/services/ims\n2:cpu,cpuacct:/\n0::/system.slice/ims.service\n";
    expect(ownHierarchies(mounts.join("\n"), own)).toEqual([
      { version: 1, folder: "/sys/fs/cgroup/memory/services/ims", controllers: ["memory"] },
      { version: 1, folder: "/sys/fs/cgroup/cpu,cpuacct/", controllers: ["cpu", "cpuacct"] },
      { version: 2, folder: "/sys/fs/cgroup/unified/system.slice/ims.service", controllers: [] },
    ]);
  });

  it("is what is mounted, in a container that sees only a part", () => {
    const mount = line("/docker/abc", "/sys/fs/cgroup", "cgroup2 cgroup rw");
    expect(ownHierarchies(mount, "0::/docker/abc/inner")).toMatchObject([{ folder: "/sys/fs/cgroup/inner" }]);
    expect(ownHierarchies(mount, "0::/docker/abc")).toMatchObject([{ folder: "/sys/fs/cgroup/" }]);
    expect(ownHierarchies(mount, "0::/elsewhere")).toMatchObject([{ folder: "/sys/fs/cgroup/" }]);
    const rooted = line("/", "/sys/fs/cgroup", "cgroup2 cgroup rw");
    expect(ownHierarchies(rooted, "0::/../other")).toMatchObject([{ folder: "/sys/fs/cgroup/" }]);
  });
});

describe("groups of version 2, in files that stand in for the kernel's", () => {
  async function parent(gives: string, members = "") {
    const folder = await scratchFolder();
    const controls = { "cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": gives };
    for (const [name, text] of Object.entries({ ...controls, "cgroup.procs": members }))
      await writeFile(join(folder, name), text);
    return folder;
  }
  const version2 = (folder: string) => jobGroupsIn([{ version: 2, folder, controllers: [] }]);

  it("are made below the service's own, each with the limits of its job", async () => {
    const folder = await parent("memory pids\n");
    const found = await version2(folder);
    expect(found.lacks).toEqual([]);
    expect(found.foldersOf("ims-job-1")).toEqual([join(folder, "ims-job-1")]);
    await mkdir(join(folder, "ims-job-1"));
    for (const name of ["memory.max", "memory.swap.max", "pids.max"])
      await writeFile(join(folder, "ims-job-1", name), "max");
    await found.make("ims-job-1", { memoryBytes: 2 ** 30, processes: 100 });
    const text = (name: string) => readFile(join(folder, "ims-job-1", name), "utf8");
    expect(await text("memory.max")).toBe("1073741824");
    expect(await text("memory.swap.max")).toBe("0");
    expect(await text("pids.max")).toBe("100");
  });

  it("get the controllers that they need, and the service makes room for that as the kernel wants it", async () => {
    const folder = await parent("cpu\n");
    await version2(folder);
    expect(await readFile(join(folder, "cgroup.subtree_control"), "utf8")).toBe("+memory +pids");
    expect((await readdir(folder)).filter((name) => name.startsWith("ims-"))).toEqual([]);
  });

  it("are made beside the service's own group when it has gone aside already", async () => {
    const folder = await parent("memory pids\n");
    await mkdir(join(folder, "ims-service"));
    const found = await version2(join(folder, "ims-service"));
    expect(found.foldersOf("x")).toEqual([join(folder, "x")]);
  });

  it("cannot be made where the service may not: that is said once, and jobs do without", async () => {
    const found = await version2("/proc/sys/kernel");
    expect(found.foldersOf("x")).toEqual([]);
    expect(found.lacks).toEqual([expect.stringMatching(/^a limit of their memory \(/u)]);
  });

  it("tell how much memory was used and how often it ran out", async () => {
    const folder = await scratchFolder();
    await writeFile(join(folder, "memory.events"), "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n");
    await writeFile(join(folder, "memory.peak"), "4096\n");
    expect(await memoryUse(["/nowhere", folder])).toEqual({ kills: 1, peakBytes: 4096 });
    expect(await memoryUse(["/nowhere"])).toBeUndefined();
  });
});

describe.runIf(groups.foldersOf("x").length > 0)("groups of this machine", () => {
  /** A group with processes that left their session, have no environment and ignore what can be ignored. */
  async function crowd(pick: (folder: string) => boolean) {
    const name = `ims-test-${process.pid}`;
    await groups.make(name, { processes: 200 });
    const folders = groups.foldersOf(name);
    onTestFinished(async () => {
      await killGroups(folders);
      await removeGroups(folders);
    });
    const chosen = folders.filter(pick);
    const inner = chosen.map((folder) => `mkdir ${folder}/inner; echo 0 >${folder}/inner/cgroup.procs`);
    const script = `${chosen.map((folder) => `echo 0 >${folder}/cgroup.procs`).join("; ")}
      (cd / && setsid env -i sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' &)
      (${inner.join("; ")}; exec env -i sleep 300) & exec sleep 300`;
    const child = spawn("sh", ["-c", script], { detached: true });
    const exit = once(child, "exit");
    await until(async () => ((await membersOf(chosen)).length >= 4 ? true : undefined));
    return { folders, chosen, exit };
  }

  it("are ended with all members at once, and removed", async () => {
    const { folders, chosen, exit } = await crowd(() => true);
    await killGroups(chosen);
    await exit;
    expect(await membersOf(chosen)).toEqual([]);
    await removeGroups(folders);
    expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
    await removeGroups(folders);
    await killGroups(folders);
  });

  it("are ended also where the kernel has nothing that kills all at once", async () => {
    const older = (folder: string) => !existsSync(join(folder, "cgroup.kill"));
    const { chosen, exit } = await crowd(
      groups.foldersOf("x").every((folder) => folder.includes("unified")) ? () => true : older,
    );
    await killGroups(chosen);
    await exit;
    expect(await membersOf(chosen)).toEqual([]);
  });
});
