import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { auditObjects } from "../../core/artifacts/audit.ts";
import { sweepStaging } from "../../core/artifacts/staging.ts";
import { openArtifacts, openRecords, openSigner } from "../../functions/compose/stores.ts";
import { readConfig } from "../../functions/config.ts";
import { type Asked, callUntilGone, type Caller, createCaller, observed, settle } from "./mixed-callers.ts";
import { type ServiceProcess, startService, until } from "./service-process.ts";

const CALLERS = 4;

interface Done {
  readonly acknowledged: number;
  readonly cutShort: number;
}

/** Lets callers work on a service that is killed at a random moment, again and again. Answers what they did. */
export async function killRounds(rounds: number): Promise<Done> {
  const service = await startService({ IMS_MAX_JOBS: "0" });
  return await killAgain([service], { IMS_DATA: service.data }, (round) => round < rounds);
}

/** The same with two processes on the stores that this environment names, for so many seconds; either may be killed. */
export async function killOneOfTwo(env: Record<string, string>, seconds: number): Promise<Done> {
  const both = { ...env, IMS_MAX_JOBS: "0", IMS_LOG_LEVEL: "error" };
  const services = [await startService(both), await startService(both)];
  const end = performance.now() + seconds * 1000;
  return await killAgain(services, env, () => performance.now() < end);
}

async function killAgain(
  services: readonly ServiceProcess[],
  env: Record<string, string>,
  goesOn: (round: number) => boolean,
): Promise<Done> {
  const callers = Array.from({ length: CALLERS }, () => createCaller());
  const asked: Asked = { fetch: (path, init) => anyOf(services).fetch(path, init) };
  let cutShort = 0;
  for (let round = 0; goesOn(round); round += 1) {
    const victim = anyOf(services);
    const working = callers.map((caller, n) => callUntilGone(asked, caller, `${round}-${n}`));
    const failed = Promise.all(working);
    failed.catch(() => undefined);
    await sleep(Math.random() * 700);
    await victim.end("SIGKILL");
    await failed;
    cutShort += callers.filter(isCut).length;
    await victim.start();
    await agreed(round, callers, asked, env);
  }
  return { acknowledged: callers.reduce((sum, caller) => sum + caller.acknowledged, 0), cutShort };
}

function anyOf(services: readonly ServiceProcess[]): ServiceProcess {
  const service = services[Math.floor(Math.random() * services.length)];
  if (service === undefined) throw new Error("There is no service to ask.");
  return service;
}

const isCut = ({ allowed, unanswered }: Caller) =>
  unanswered.size > 0 || [...allowed.values()].some((states) => states.length > 1);

/** Records and objects agree, and with what the callers were told. */
async function agreed(
  round: number,
  callers: readonly Caller[],
  asked: Asked,
  env: Record<string, string>,
): Promise<void> {
  const drift = await settledDrift(env);
  expect([round, drift.orphans, drift.missing]).toEqual([round, [], []]);
  const found = await observed(asked);
  const names = new Set(callers.flatMap(({ unanswered }) => [...unanswered.keys()]));
  const known = new Set(callers.flatMap(({ allowed }) => [...allowed.keys()]));
  const strange = [...found.values()].filter(({ id, name }) => !known.has(id) && !names.has(name));
  expect([round, callers.flatMap((caller) => settle(caller, found)), strange]).toEqual([round, [], []]);
}

/** What does not agree once all moves are done, and cut uploads are swept as they are after a day. */
export async function settledDrift(env: Record<string, string>) {
  const config = readConfig(env, "x64");
  const { buckets } = config.settings;
  const options = { signer: await openSigner(config), clock: createSystemClock(), publicUrl: () => "" };
  const records = await openRecords(config);
  const { artifacts } = await openArtifacts(config, options);
  try {
    await until("no moves are pending", async () =>
      (await records.list("object-journal")).records.length === 0 ? true : undefined,
    );
    if (config.artifacts.kind === "files")
      await nothingIncoming(path.join(config.data, "artifacts/incoming"));
    for (const bucket of Object.values(buckets))
      await sweepStaging({ records, artifacts }, bucket, Number.MAX_SAFE_INTEGER);
    const drift = await auditObjects({ records, artifacts }, buckets);
    expect(drift.uploads).toEqual([]);
    return drift;
  } finally {
    await records.close();
  }
}

async function nothingIncoming(folder: string): Promise<void> {
  await until("nothing is left of uploads that were cut", async () =>
    (await readdir(folder)).length === 0 ? true : undefined,
  );
}
