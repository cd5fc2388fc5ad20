import { connect } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import type { Json } from "../json.ts";
import { settledDrift } from "../kill-rounds.ts";
import { expectImage, get, inStatusWithin, nothingLeft } from "../road.ts";
import { type ServiceProcess, startService, until } from "../service-process.ts";
import { sshClient } from "../ssh.ts";
import { type Ending, type Fault, type FaultName, faultOf } from "./faults.ts";
import { createGates } from "./gates.ts";
import { held, type Kind, type KindName, kindOf, letGo, type Moment, type World } from "./kinds.ts";
import { smallImage } from "./root.ts";

/** The design's times are shorter; the machine may be busy, and the table shows what it took. */
const LIMIT_SECONDS = 90;

interface Cell {
  readonly moment: Moment;
  readonly status: string;
  readonly id: string;
}

export async function createWorld(env: Record<string, string>): Promise<World> {
  const gates = await createGates();
  const service = await startService({ ...gates.environment, ...env });
  gates.serve(service.url);
  return { service, gates, client: once(sshClient), image: once(smallImage) };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/**
 * Holds a job of this kind in each of its moments at once, lets the fault strike all of them, and looks at each; prints
 * a line for each, and answers those of jobs that did not end as they should.
 */
export async function strikeAll(kindName: KindName, faultName: FaultName): Promise<readonly string[]> {
  const [kind, fault] = [kindOf(kindName), faultOf(faultName)];
  const running = kind.moments.filter(([moment]) => moment !== "queue");
  const world = await createWorld({ IMS_MAX_JOBS: String(running.length) });
  const bring = async ([moment, status]: Kind["moments"][number]): Promise<Cell> => ({
    moment,
    status,
    id: await held(world, kind, moment),
  });
  const cells = [
    ...(await Promise.all(running.map(bring))),
    ...(await Promise.all(kind.moments.filter((each) => !running.includes(each)).map(bring))),
  ];
  const ports = await openPorts(world.service, cells);
  await fault.strike(
    world.service,
    cells.map(({ id }) => id),
  );
  const began = performance.now();
  const ended = await Promise.all(cells.map((cell) => outcome(world, kind, fault, cell, began)));
  for (const { told } of ended) process.stdout.write(`${kind.name} | ${told}\n`);
  await afterwards(world);
  for (const port of ports) expect([port, await answers(port)]).toEqual([port, false]);
  return ended.filter(({ is, wanted }) => is !== wanted).map(({ told }) => told);
}

/** Nothing is left, and the service takes the next job. */
export async function afterwards(world: World): Promise<void> {
  const { service } = world;
  await nothingLeft(service);
  await allReleased(service);
  const drift = await settledDrift({ IMS_DATA: service.data });
  expect([drift.orphans, drift.missing]).toEqual([[], []]);
  const id = await held(world, kindOf("create"), "queue");
  const next = await inStatusWithin(LIMIT_SECONDS, service, id, "success", "error");
  expect(next).toMatchObject({ status: "success" });
  await expectImage(service, next.resultant_image_id);
}

async function allReleased(service: ServiceProcess): Promise<void> {
  const records = await createSqliteRecords({ path: join(service.data, "records.sqlite") });
  try {
    await until("no slot is held and no activity is left", async () => {
      const [slots, activities] = [await records.list("job-slot"), await records.list("job-activity")];
      return slots.records.length + activities.records.length === 0 ? true : undefined;
    });
  } finally {
    await records.close();
  }
}

async function openPorts(service: ServiceProcess, cells: readonly Cell[]): Promise<number[]> {
  const jobs = await Promise.all(
    cells.filter(({ moment }) => moment === "user").map(({ id }) => get(service, `/v3/jobs/${id}`)),
  );
  return jobs.map((job) => job.ssh_containers[0].connection_info["cluster.local"].port);
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => resolve(false));
  });

interface Outcome {
  readonly told: string;
  readonly is: string;
  readonly wanted: string;
}

async function outcome(
  world: World,
  kind: Kind,
  fault: Fault,
  { moment, status, id }: Cell,
  began: number,
): Promise<Outcome> {
  const ending = endingOf(fault, moment);
  const wanted = wantedOf(kind, ending, status);
  const is = await isOf(world, kind, { moment, status, id }, ending).catch(
    (error: unknown) => `not ended: ${String(error)}`,
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return {
    told: `${status}/${moment} | ${fault.name} | ${is} | ${seconds} s | ${is === wanted ? "as it should" : `WRONG, wanted ${wanted}`}`,
    is,
    wanted,
  };
}

function endingOf(fault: Fault, moment: Moment): Ending {
  if (moment === "queue") return fault.queued;
  // Only who deletes it can change a job that is over.
  return moment === "answer" && fault.ending !== "gone" ? "as ever" : fault.ending;
}

function wantedOf(kind: Kind, ending: Ending, status: string): string {
  if (ending === "as ever") return kind.endsIn === undefined ? "success" : `${kind.endsIn} in building_image`;
  if (ending === "gone") return "gone";
  // Why the build failed is the job's reason, whatever becomes of the shell that was opened to see why.
  if (kind.endsIn !== undefined && status === "waiting_on_user") return `${kind.endsIn} in building_image`;
  return `${ending} in ${status}`;
}

async function isOf(world: World, kind: Kind, { moment, id }: Cell, ending: Ending): Promise<string> {
  const { service } = world;
  if (ending === "gone") {
    const { status } = await service.fetch(`/v3/jobs/${id}`);
    return status === 404 ? "gone" : `answered ${status}`;
  }
  if (ending === "as ever" && moment !== "answer") await letGo(world, kind, moment, id);
  const job = await inStatusWithin(LIMIT_SECONDS, service, id, "success", "error");
  if (job.status === "error") return errorOf(job);
  await expectImage(service, job.resultant_image_id);
  return "success";
}

const errorOf = ({ error }: Json): string => `${error.code} in ${error.phase}`;
