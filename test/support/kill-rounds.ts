import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { auditObjects } from "../../core/artifacts/audit.ts";
import { sweepStaging } from "../../core/artifacts/staging.ts";
import { fileArtifacts } from "./file-artifacts.ts";
import { callUntilGone, createCaller, observed, settle } from "./mixed-callers.ts";
import { type ServiceProcess, startService, until } from "./service-process.ts";
import { testSettings } from "./settings.ts";

const CALLERS = 4;
const { buckets } = testSettings();

/** Lets callers work on a service that is killed at a random moment, again and again. Answers what they did. */
export async function killRounds(rounds: number): Promise<{ acknowledged: number; cutShort: number }> {
  const service = await startService({ IMS_MAX_JOBS: "0" });
  const callers = Array.from({ length: CALLERS }, () => createCaller());
  let cutShort = 0;
  for (let round = 0; round < rounds; round += 1) {
    const working = callers.map((caller, n) => callUntilGone(service, caller, `${round}-${n}`));
    const failed = Promise.all(working);
    failed.catch(() => undefined);
    await sleep(Math.random() * 700);
    await service.end("SIGKILL");
    await failed;
    cutShort += callers.filter(isCut).length;
    await service.start();
    const drift = await settledDrift(service);
    expect([round, drift.orphans, drift.missing]).toEqual([round, [], []]);
    const found = await observed(service);
    const names = new Set(callers.flatMap(({ unanswered }) => [...unanswered.keys()]));
    const known = new Set(callers.flatMap(({ allowed }) => [...allowed.keys()]));
    const strange = [...found.values()].filter(({ id, name }) => !known.has(id) && !names.has(name));
    expect([round, callers.flatMap((caller) => settle(caller, found)), strange]).toEqual([round, [], []]);
  }
  return { acknowledged: callers.reduce((sum, caller) => sum + caller.acknowledged, 0), cutShort };
}

const isCut = ({ allowed, unanswered }: ReturnType<typeof createCaller>) =>
  unanswered.size > 0 || [...allowed.values()].some((states) => states.length > 1);

/** What does not agree once all moves are done, and cut uploads are swept as they are after a day. */
export async function settledDrift(service: ServiceProcess) {
  const records = await createSqliteRecords({ path: path.join(service.data, "records.sqlite") });
  const artifacts = fileArtifacts(path.join(service.data, "artifacts"));
  try {
    await until("no moves are pending", async () =>
      (await records.list("object-journal")).records.length === 0 ? true : undefined,
    );
    await until("nothing is left of uploads that were cut", async () =>
      (await readdir(path.join(service.data, "artifacts/incoming"))).length === 0 ? true : undefined,
    );
    for (const bucket of Object.values(buckets))
      await sweepStaging({ records, artifacts }, bucket, Number.MAX_SAFE_INTEGER);
    const drift = await auditObjects({ records, artifacts }, buckets);
    expect(drift.uploads).toEqual([]);
    return drift;
  } finally {
    await records.close();
  }
}
