import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryRecords } from "../../../adapters/records/memory.ts";
import { listStored } from "../../../core/collection.ts";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import { createIms } from "../../../core/ims.ts";
import { IMAGE_PARTS } from "../../../core/jobs/agent-messages.ts";
import type { Job } from "../../../core/jobs/job.ts";
import { JOB_STATUSES, isTerminal } from "../../../core/jobs/status.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { AgentPresence, JobRunner } from "../../../core/ports/job-runner.ts";
import type { Records } from "../../../core/ports/records.ts";
import { createTestService } from "../../support/ims.ts";
import { jobRequest } from "../../support/job-requests.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { sentPart } from "../../support/images.ts";

const JOBS = 3;
const LONGEST_MS = 240_000;
const phaseSeconds = {
  fetching_image: 200,
  fetching_recipe: 200,
  waiting_for_repos: 200,
  building_image: 200,
  packaging_artifacts: 200,
  waiting_on_user: 200,
};

type Trouble = "none" | "throws" | "hangs";

/** Agents are names in a list; what happens to them, and whether the runner answers, is up to the test. */
function createModelRunner() {
  const presence = new Map<string, AgentPresence>();
  const state = { trouble: "none" as Trouble };
  const troubled = async (): Promise<void> => {
    if (state.trouble === "throws") throw new DomainError("unavailable", "The machine does not answer.");
    if (state.trouble === "hangs") await new Promise(() => undefined);
  };
  const runner: JobRunner = {
    name: "local",
    async launch({ jobId }) {
      await troubled();
      presence.set(jobId, { state: "running" });
    },
    async inspect({ jobId }) {
      await troubled();
      return presence.get(jobId) ?? { state: "absent" };
    },
    async stop({ jobId }) {
      await troubled();
      presence.delete(jobId);
    },
    async leftovers() {
      await troubled();
      return [...presence.keys()].map((jobId) => ({ jobId }));
    },
  };
  return { runner, presence, state };
}

/** Short pauses, before something is tried again, pass at once. */
function impatient(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    sleep: async (milliseconds, signal) => {
      if (milliseconds > 1000) return await clock.sleep(milliseconds, signal);
      await nextTurn();
    },
  };
}

/** A store whose next commits break: before anything is stored, or after all of it was and only the answer is lost. */
function createBreakingRecords(): { records: Records; breaks: ("before" | "after")[] } {
  const records = createMemoryRecords();
  const breaks: ("before" | "after")[] = [];
  const commit: Records["commit"] = async (changes) => {
    const broken = breaks.shift();
    if (broken !== "before") await records.commit(changes);
    if (broken !== undefined) throw new DomainError("unavailable", "The store broke.");
  };
  return { records: { ...records, commit }, breaks };
}

const MOST_TURNS = 50;

const nextTurn = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

async function ignoringRefusals(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isDomainError(error)) throw error;
  });
}

/** A service in memory that can crash, with jobs whose every change is watched. */
async function createWorld() {
  const model = createModelRunner();
  const store = createBreakingRecords();
  const time = createManualClock();
  const clock = impatient(time.clock);
  const service = createTestService(
    { phaseSeconds, idleLimitSeconds: 120, maxRunning: 2 },
    { runners: [model.runner], records: store.records, clock },
  );
  let ims = service.ims;
  const request = await jobRequest(service);
  const jobs: string[] = [];
  for (let n = 0; n < JOBS; n += 1) jobs.push((await ims.jobs.create({ ...request, job_type: "create" })).id);

  const read = async (id: string): Promise<Job | undefined> => (await store.records.get("job", id))?.value;

  /** Whatever waits for a limit goes on to wait until time goes on. */
  const settled = async (work: Promise<unknown>): Promise<void> => {
    const state = { done: false };
    void ignoringRefusals(work).finally(() => (state.done = true));
    for (let turn = 0; turn < MOST_TURNS && !state.done; turn += 1) await nextTurn();
  };

  return {
    model,
    store,
    time,
    service,
    jobs,
    read,
    settled,
    ims: () => ims,
    restart: () => (ims = createIms(service.ports, service.settings)),
  };
}
type World = Awaited<ReturnType<typeof createWorld>>;

interface Deed {
  readonly name: string;
  /** An administrator's PATCH may change what has ended. */
  readonly patches?: boolean;
  readonly run: (world: World) => Promise<unknown>;
}

const agentOf = (world: World, job: number, attempt: number) => ({ jobId: world.jobs[job] ?? "", attempt });
const at = fc.nat({ max: JOBS - 1 });
const attempts = fc.integer({ min: 1, max: 3 });
const statuses = fc.constantFrom(...JOB_STATUSES);

async function upload(world: World, job: number): Promise<void> {
  const planned = (await world.read(world.jobs[job] ?? ""))?.planned_image_id;
  if (planned === undefined) return;
  for (const part of IMAGE_PARTS) {
    const body = new TextEncoder().encode(`bytes of ${part}`);
    const source = (async function* () {
      yield body;
    })();
    await world.service.ports.artifacts.write(
      { bucket: "boot-images", key: `${planned}/${part}` },
      source,
      {},
    );
  }
}

const finish = { artifacts: IMAGE_PARTS.map((part) => sentPart(part, `bytes of ${part}`)) };
const failure = { code: "build_failed" as const, message: "It failed.", hint: "Try again." };

const said = fc.oneof(
  fc.record({ job: at, attempt: attempts, status: statuses }).map(({ job, attempt, status }): Deed => ({
    name: `agent ${attempt} of ${job} reports ${status}`,
    run: (world) => world.ims().agents.report(agentOf(world, job, attempt), { status }),
  })),
  fc.record({ job: at, attempt: attempts }).map(({ job, attempt }): Deed => ({
    name: `agent ${attempt} of ${job} fails`,
    run: (world) => world.ims().agents.fail(agentOf(world, job, attempt), failure),
  })),
  fc.record({ job: at, attempt: attempts, uploads: fc.boolean() }).map(({ job, attempt, uploads }): Deed => ({
    name: `agent ${attempt} of ${job} finishes ${uploads ? "with" : "without"} its uploads`,
    run: async (world) => {
      if (uploads) await upload(world, job);
      await world.ims().agents.finish(agentOf(world, job, attempt), finish);
    },
  })),
  fc.record({ job: at, attempt: attempts }).map(({ job, attempt }): Deed => ({
    name: `agent ${attempt} of ${job} asks for its plan`,
    run: (world) => world.ims().agents.plan(agentOf(world, job, attempt)),
  })),
);

const absences = fc.constantFrom<AgentPresence>(
  { state: "absent" },
  { state: "absent", cause: "oom-killed", memory: { limitBytes: 1, peakBytes: 1 } },
  { state: "absent", cause: "machine-restarted" },
  { state: "absent", cause: "work-folder-gone" },
  { state: "unknown", reason: "out of reach" },
  { state: "running" },
);

const world = fc.oneof(
  fc.record({ job: at, seen: absences }).map(({ job, seen }): Deed => ({
    name: `agent of ${job} becomes ${JSON.stringify(seen)}`,
    run: async ({ model, jobs }) => model.presence.set(jobs[job] ?? "", seen),
  })),
  fc.constantFrom<Trouble>("none", "none", "throws", "hangs").map((trouble): Deed => ({
    name: `runner: ${trouble}`,
    run: async ({ model }) => (model.state.trouble = trouble),
  })),
  fc.constantFrom("before" as const, "after" as const).map((moment): Deed => ({
    name: `a commit breaks ${moment}`,
    run: async ({ store }) => store.breaks.push(moment),
  })),
  fc.constant<Deed>({ name: "service restarts", run: async ({ restart }) => restart() }),
  fc.constantFrom(1, 5, 12, 30, 250).map((seconds): Deed => ({
    name: `${seconds} s pass`,
    run: async ({ time }) => time.advance(seconds * 1000),
  })),
  fc.constant<Deed>({ name: "tick", run: async ({ ims }) => ims().reconciler.tick() }),
  fc.constant<Deed>({ name: "tick", run: async ({ ims }) => ims().reconciler.tick() }),
  fc.constant<Deed>({ name: "sweep", run: async ({ ims }) => ims().reconciler.sweep() }),
);

const people = fc.oneof(
  at.map((job): Deed => ({
    name: `cancel ${job}`,
    run: ({ ims, jobs }) => ims().jobs.cancel(jobs[job] ?? ""),
  })),
  at.map((job): Deed => ({
    name: `delete ${job}`,
    run: ({ ims, jobs }) => ims().jobs.remove(jobs[job] ?? ""),
  })),
  fc.record({ job: at, status: statuses }).map(({ job, status }): Deed => ({
    name: `patch ${job} to ${status}`,
    patches: true,
    run: ({ ims, jobs }) => ims().jobs.update(jobs[job] ?? "", { status }),
  })),
);

const deeds = fc.array(fc.oneof({ weight: 5, arbitrary: said }, { weight: 5, arbitrary: world }, people), {
  maxLength: 40,
});

type Ending = Pick<Job, "status" | "error" | "resultant_image_id">;
const endingOf = ({ status, error, resultant_image_id }: Job): Ending => ({
  status,
  error,
  resultant_image_id,
});

const snapshot = async ({ jobs, read }: World) =>
  new Map(await Promise.all(jobs.map(async (id) => [id, await read(id)] as const)));

/** Jobs that had ended and changed all the same, or were deleted and came back. */
function disturbed(
  before: ReadonlyMap<string, Job | undefined>,
  after: ReadonlyMap<string, Job | undefined>,
  { patches = false }: Deed,
): readonly string[] {
  return [...before].flatMap(([id, job]) => {
    const now = after.get(id);
    if (job === undefined) return now === undefined ? [] : [id];
    if (now === undefined || patches || !isTerminal(job.status)) return [];
    return isDeepStrictEqual(endingOf(job), endingOf(now)) ? [] : [id];
  });
}

/** Time goes on, with a store that works; agents that still live say the same again and again, or nothing. */
async function waitOut(world: World, chatty: boolean, trouble: Trouble): Promise<void> {
  const { jobs, model, read, settled, store, time } = world;
  store.breaks.length = 0;
  model.state.trouble = trouble;
  for (let look = 0; look < 100; look += 1) {
    for (const [job, id] of jobs.entries()) {
      const status = (await read(id))?.status;
      if (!chatty || status === undefined) continue;
      for (const attempt of [1, 2, 3])
        await settled(world.ims().agents.report(agentOf(world, job, attempt), { status }));
    }
    await settled(world.ims().reconciler.tick());
    time.advance(20_000);
  }
}

/** The runner is well again, and does at last what it was asked for. */
async function cleanUp({ ims, model, settled, time }: World): Promise<void> {
  model.state.trouble = "none";
  for (let look = 0; look < 60; look += 1) {
    await settled(ims().reconciler.tick());
    time.advance(20_000);
  }
  await settled(ims().reconciler.sweep());
}

/**
 * Jobs that should have ended by now. Whoever PATCHes one to life that nobody works on any more gets what they asked
 * for; one that waits for its turn may wait for a runner that gives no place back.
 */
async function unended(world: World): Promise<readonly string[]> {
  const all = await Promise.all(
    world.jobs.map(async (id) => {
      const status = (await world.read(id))?.status ?? "success";
      const activity = await world.store.records.get("job-activity", id);
      const waits = activity?.value.state === "queued" && world.model.state.trouble !== "none";
      const isOnlyOnPaper = activity === undefined || activity.value.state === "releasing";
      return isTerminal(status) || isOnlyOnPaper || waits ? [] : [status];
    }),
  );
  return all.flat();
}

describe("a job, whatever agents, people, clocks and crashes do, in whatever order", () => {
  const runs = { numRuns: Number(process.env["IMS_PROPERTY_RUNS"] ?? 60) };

  it(
    "never changes once it has ended, unless an administrator says so",
    async () => {
      await fc.assert(
        fc.asyncProperty(deeds, async (sequence) => {
          const world = await createWorld();
          for (const deed of sequence) {
            const before = await snapshot(world);
            await world.settled(deed.run(world));
            const changed = disturbed(before, await snapshot(world), deed);
            expect({ deed: deed.name, changed }).toEqual({ deed: deed.name, changed: [] });
          }
        }),
        runs,
      );
    },
    LONGEST_MS,
  );

  it(
    "ends, and nothing of it is left: no work, no slot",
    async () => {
      const troubles = fc.constantFrom<Trouble>("none", "throws", "hangs");
      await fc.assert(
        fc.asyncProperty(deeds, fc.boolean(), troubles, async (sequence, chatty, trouble) => {
          const world = await createWorld();
          for (const deed of sequence) await world.settled(deed.run(world));
          await waitOut(world, chatty, trouble);
          expect(await unended(world)).toEqual([]);
          await cleanUp(world);
          const { records } = world.store;
          for (const id of world.jobs) {
            expect(await records.get("job-activity", id)).toBeUndefined();
          }
          expect(await listStored(records, "job-slot")).toEqual([]);
          const left = [...world.model.presence.values()].filter(({ state }) => state !== "absent");
          expect(left).toEqual([]);
        }),
        runs,
      );
    },
    LONGEST_MS,
  );
});
