import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { bundle } from "../bundle/bundle.ts";
import { onFreshDisk } from "./fresh-disk.ts";
import { keepingFreedMemory } from "./fresh-memory.ts";
import { stepSeconds } from "./job.ts";
import { freePort } from "../../adapters/process/free-port.ts";
import { answered, end, median, processorSeconds, run, seconds } from "./measure.ts";

const ROUNDS = 3;
const DISK_GIB = 16;
const JOB_LIMIT_MS = 1_200_000;
/** What the service packs with by default. */
const PACKING = ["-comp", "zstd", "-Xcompression-level", "3"];
/** A tree of many sorts of files that every machine has. */
const TREE = ["/usr/bin", "/usr/share"];

/** Of the job's steps, those that take their time. */
const STEPS = ["fetch-rootfs", "unpack-rootfs", "pack-rootfs", "upload"] as const;

const Identified = v.object({ id: v.string() });
const Job = v.object({
  status: v.string(),
  error: v.optional(v.object({ code: v.string(), message: v.string() })),
  ssh_containers: v.array(
    v.object({
      connection_info: v.object({ customer_access: v.object({ host: v.string(), port: v.number() }) }),
    }),
  ),
});

/**
 * A customize job in which nobody changes anything, from its POST to its success, against the same tools by hand:
 * copying the image to and from the store, unsquashfs, mksquashfs. Both in turn, on the same image, each on a disk that
 * was made for it. The job is the bundled service's: that is what ships. Needs root, squashfs-tools and OpenSSH.
 */
export async function benchCustomize(_root: string, scratch: string) {
  return await keepingFreedMemory(() => measure(scratch));
}

async function measure(scratch: string) {
  const folder = mkdtempSync(path.join(scratch, "ims-bench-customize-"));
  const image = path.join(folder, "rootfs.squashfs");
  try {
    const dist = path.join(folder, "dist");
    await bundle(dist);
    await makeImage(folder, image);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const byHand = await onFreshDisk(folder, DISK_GIB, (disk) => timedByHand(disk, image));
      const job = await onFreshDisk(folder, DISK_GIB, (disk) => timedJob({ dist, folder, image, disk }));
      rounds.push({ ...byHand, ...job });
    }
    return summary(rounds, statSync(image).size);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Round {
  readonly byHand: number;
  readonly byHandProcessors: number;
  readonly job: number;
  readonly jobProcessors: number;
  readonly steps: readonly number[];
}

function summary(rounds: readonly Round[], bytes: number) {
  const of = (part: (round: Round) => number): number => median(rounds.map((round) => part(round)));
  const best = (part: (round: Round) => number): number => Math.min(...rounds.map((round) => part(round)));
  const byHandSeconds = best((round) => round.byHand);
  const jobSeconds = best((round) => round.job);
  const steps = STEPS.map((step, at) => [`step ${step}`, of((round) => round.steps[at] ?? Number.NaN)]);
  return {
    imageMiB: bytes / 2 ** 20,
    byHandProcessorSeconds: best((round) => round.byHandProcessors),
    jobProcessorSeconds: best((round) => round.jobProcessors),
    byHandSeconds,
    jobSeconds,
    ...v.parse(v.record(v.string(), v.number()), Object.fromEntries(steps)),
    jobRatio: jobSeconds / byHandSeconds,
  };
}

/** Kernel and initrd are never looked into. */
async function makeImage(folder: string, image: string): Promise<void> {
  const boot = path.join(folder, "boot");
  mkdirSync(boot);
  for (const name of ["vmlinuz", "initrd"]) writeFileSync(path.join(boot, name), name);
  await run("mksquashfs", [...TREE, boot, image, "-no-progress", "-quiet", ...PACKING]);
}

async function timedByHand(disk: string, image: string) {
  const at = (name: string): string => path.join(disk, name);
  await store(image, at("image"));
  const before = processorSeconds(process.pid).children;
  const byHand = await seconds(async () => {
    await run("cp", [at("image"), at("copy")]);
    await run("unsquashfs", ["-quiet", "-no-progress", "-dest", at("tree"), at("copy")]);
    await run("mksquashfs", [at("tree"), at("packed"), "-no-progress", "-quiet", ...PACKING]);
    await store(at("packed"), at("stored"));
  });
  return { byHand, byHandProcessors: processorSeconds(process.pid).children - before };
}

async function store(from: string, to: string): Promise<void> {
  await run("cp", [from, to]);
  await run("sync", [to]);
}

interface Bench {
  readonly dist: string;
  readonly folder: string;
  readonly image: string;
  readonly disk: string;
}

/** By a service of its own, which has the image already. */
async function timedJob({ dist, folder, image, disk }: Bench) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const data = path.join(disk, "data");
  const env = { PATH: process.env["PATH"], IMS_PORT: String(port), IMS_DATA: data };
  const server = spawn(process.execPath, [path.join(dist, "server.mjs")], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await answered(`${url}/healthz/ready`);
    const client = createClient(url);
    const user = await makeUser(client, disk);
    const imageId = await importImage(client, folder, image);
    const before = processorSeconds(server.pid).all;
    let id = "";
    const job = await seconds(async () => (id = await client.customize(user, imageId)));
    await gone(path.join(data, "work", id));
    const jobProcessors = processorSeconds(server.pid).all - before;
    const log = await client.log(id);
    return { job, jobProcessors, steps: STEPS.map((step) => stepSeconds(log, step)) };
  } finally {
    await end(server);
  }
}

/** Until the job's agent, which is the last to know its folder, has ended. */
async function gone(folder: string): Promise<void> {
  while (existsSync(folder)) await sleep(50);
  await sleep(1000);
}

interface User {
  readonly keyId: string;
  readonly keyFile: string;
}

/** The service as this bench's client sees it. */
function createClient(url: string) {
  async function post<T>(where: string, shape: v.GenericSchema<unknown, T>, body?: object): Promise<T> {
    const json = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await fetch(url + where, { method: "POST", ...(body === undefined ? {} : json) });
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
    return v.parse(shape, await response.json());
  }

  async function inStatus(id: string, status: string) {
    const deadline = performance.now() + JOB_LIMIT_MS;
    while (performance.now() < deadline) {
      const job = v.parse(Job, await (await fetch(`${url}/v3/jobs/${id}`)).json());
      if (job.status === status) return job;
      if (job.status === "error") throw new Error(`The job failed: ${job.error?.code} ${job.error?.message}`);
      await sleep(50);
    }
    throw new Error(`The job was not in ${status} within ${JOB_LIMIT_MS} ms`);
  }

  return {
    post,

    /** From the POST to the success; answers the job's id. */
    async customize({ keyId, keyFile }: User, image: string): Promise<string> {
      const { id } = await post("/v3/jobs", Identified, {
        job_type: "customize",
        artifact_id: image,
        public_key_id: keyId,
        image_root_archive_name: "bench",
      });
      const address = (await inStatus(id, "waiting_on_user")).ssh_containers[0]?.connection_info
        .customer_access;
      if (address === undefined) throw new Error("The job does not say where its shell is.");
      await run("ssh", [
        "-q",
        "-oBatchMode=yes",
        "-oStrictHostKeyChecking=no",
        "-oUserKnownHostsFile=/dev/null",
        `-i${keyFile}`,
        `-p${address.port}`,
        `root@${address.host}`,
        "touch /mnt/image/complete",
      ]);
      await inStatus(id, "success");
      return id;
    },

    upload: (where: string, file: string) =>
      run("curl", ["--silent", "--fail", "--output", "/dev/null", "--upload-file", file, url + where]),

    log: async (id: string) => await (await fetch(`${url}/v3/jobs/${id}/log`)).text(),
  };
}

type Client = ReturnType<typeof createClient>;

async function makeUser({ post }: Client, folder: string): Promise<User> {
  const keyFile = path.join(folder, "key");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
  const body = { name: "bench", public_key: readFileSync(`${keyFile}.pub`, "utf8") };
  return { keyId: (await post("/v3/public-keys", Identified, body)).id, keyFile };
}

async function importImage({ post, upload }: Client, folder: string, image: string): Promise<string> {
  const { id } = await post("/v3/images", Identified, { name: "bench" });
  const boot = path.join(folder, "boot");
  const parts = { rootfs: image, kernel: `${boot}/vmlinuz`, initrd: `${boot}/initrd` };
  for (const [name, file] of Object.entries(parts)) await upload(`/v3/images/${id}/artifacts/${name}`, file);
  await post(`/v3/images/${id}/manifest`, Identified);
  return id;
}
