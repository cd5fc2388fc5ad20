import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { afterwards, createWorld } from "../support/matrix/cells.ts";
import { type FaultName, FAULTS } from "../support/matrix/faults.ts";
import { held, kindOf } from "../support/matrix/kinds.ts";
import { program } from "../support/programs.ts";
import { archiveBytes, nothingLeft, postJob, recipe } from "../support/road.ts";
import { processesWith, type ServiceProcess, startService, until } from "../support/service-process.ts";
import { loggedIn, logOf } from "../support/shell-jobs.ts";

/** The promise is 10 s; the machine may be busy, and what it took is printed. */
const LIMIT_SECONDS = 30;

/**
 * Shell text that does all it can to stay in `$root`: programs that ignore signals, have left their parents, sessions,
 * environments and working folders, and start each other anew; mounts; a loop device; files that nobody may remove.
 */
const clinging = (marker: string): string => `
mkdir -p "$root/tmpfs" "$root/kept"
stay='trap "" TERM HUP INT QUIT; cd /; while :; do sleep 1; done'
(setsid sh -c "$stay" ${marker} >/dev/null 2>&1 &)
(setsid nohup env -i PATH="$PATH" setsid sh -c "$stay" ${marker} >/dev/null 2>&1 &)
(env -i PATH="$PATH" setsid sh -c 'trap "" TERM; cd /; while :; do (setsid sh -c "cd /; sleep 0.2" ${marker} &); sleep 0.1; done' ${marker} >/dev/null 2>&1 &)
mount -t tmpfs none "$root/tmpfs"
dd if=/dev/zero of="$root/disk" bs=1M count=8 2>/dev/null
losetup --find "$root/disk"
cp "$root/disk" "$root/tmpfs/${marker}"
losetup --find "$root/tmpfs/${marker}"
echo x > "$root/kept/file"
chattr +i "$root/kept/file" && chattr +a "$root/kept"
(setsid sh -c 'trap "" TERM HUP; exec 3>>"$1"; while :; do sleep 1; done' ${marker} "$root/tmpfs/open" >/dev/null 2>&1 &)
echo it clings`;

const clings = (service: ServiceProcess, id: string) =>
  until("the build clings", async () =>
    (await logOf(service, id)).includes("it clings") ? true : undefined,
  );

function loopDevices(marker: string): string[] {
  const list = execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"]);
  return list
    .toString()
    .split("\n")
    .filter((line) => line.includes(marker))
    .map((line) => line.split(" ")[0] ?? "");
}

/**
 * A device whose file lies in a file system of the job's own is known by the mounts of the job's processes alone: it
 * stays when those were gone before anybody looked.
 */
function freeLoopDevices(what: FaultName | "complete", marker: string): void {
  const left = loopDevices(marker);
  for (const device of left) execFileSync("losetup", ["--detach", device]);
  if (left.length > 0 && (what === "cancel" || what === "DELETE"))
    throw new Error(`Loop devices are left: ${left.join(", ")}`);
}

async function allGone(what: string, service: ServiceProcess, marker: string): Promise<void> {
  const began = performance.now();
  const gone = async () => (processesWith(marker).length === 0 ? true : undefined);
  await until("what clung is gone", gone, LIMIT_SECONDS);
  await nothingLeft(service);
  process.stdout.write(`${what}: all gone after ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
}

/** Who removes a folder by hand stops at the files that cannot be removed. */
const deadly = FAULTS.filter(({ ending }) => ending !== "as ever" && ending !== "work_folder_lost");

describe("a build that does all it can to stay", () => {
  for (const fault of deadly)
    it(`is gone with all that it started after: ${fault.name}`, async () => {
      const marker = `mark-${randomUUID()}`;
      const text = `
[ "\${1:-}" = --version ] && { echo "KIWI (next generation) version 11.0.0"; exit 0; }
while [ $# -gt 0 ]; do case $1 in --root) root=$2; shift ;; esac; shift; done
trap "" TERM
${clinging(marker)}
while :; do sleep 1; done`;
      const IMS_KIWI = await program(await scratchFolder(), "kiwi", text);
      const service = await startService({ IMS_KIWI });
      const id = await postJob(service, await archiveBytes(recipe()));
      await clings(service, id);
      expect(processesWith(marker).length).toBeGreaterThan(3);
      await fault.strike(service, [id]);
      await allGone(`build, ${fault.name}`, service, marker);
      freeLoopDevices(fault.name, marker);
    });
});

const beside = kindOf("customize beside the image");

describe("a user of a shell who does all that can be done to stay", () => {
  for (const fault of deadly)
    it(`is gone with all that was started after: ${fault.name}`, async () => {
      const marker = `mark-${randomUUID()}`;
      const world = await createWorld({});
      const id = await held(world, beside, "user");
      const { sh } = await loggedIn(world.service, id, await world.client());
      expect((await sh(`root=/mnt/image/image-root; ${clinging(marker)}`)).out).toContain("it clings");
      await fault.strike(world.service, [id]);
      await allGone(`shell, ${fault.name}`, world.service, marker);
      freeLoopDevices(fault.name, marker);
      await afterwards(world);
    });

  it("does not keep the image from being packed, and nothing of it stays", async () => {
    const marker = `mark-${randomUUID()}`;
    const world = await createWorld({});
    const id = await held(world, beside, "user");
    world.gates.open(id);
    const { sh } = await loggedIn(world.service, id, await world.client());
    await sh(`root=/mnt/image/image-root; ${clinging(marker)}; touch /mnt/image/complete`);
    const { status, error } = await until("the job has ended", async () => {
      const job = await (await world.service.fetch(`/v3/jobs/${id}`)).json();
      return ["success", "error"].includes(job.status) ? job : undefined;
    });
    expect([status, error]).toEqual(["success", undefined]);
    await allGone("shell, complete", world.service, marker);
    freeLoopDevices("complete", marker);
    await afterwards(world);
  });
});
