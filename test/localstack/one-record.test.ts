import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openRecords } from "../../functions/compose/stores.ts";
import { readConfig } from "../../functions/config.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { get, post } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

const CALLERS = 64;

it("64 callers of two processes change one record, none takes another's change away, and one of them deletes it", async () => {
  const data = await mkdtemp(path.join(tmpdir(), "ims-one-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const env = { ...localstackEnv(freshStorage()), IMS_DATA: data, IMS_MAX_JOBS: "0" };
  const [first, second] = [await startService(env), await startService(env)];
  const of = (n: number) => (n % 2 === 0 ? first : second);
  const { id } = await post(first, "/v3/images", { name: "i" });
  const all = <T>(call: (n: number) => Promise<T>) =>
    Promise.all(Array.from({ length: CALLERS }, (_, n) => call(n)));

  const changed = await all(async (n) => {
    const metadata = { operation: "set", key: `k${n}`, value: String(n) };
    const headers = { "content-type": "application/json" };
    const init = { method: "PATCH", headers, body: JSON.stringify({ metadata }) };
    return (await of(n).fetch(`/v3/images/${id}`, init)).status;
  });
  expect(changed).toEqual(Array.from({ length: CALLERS }, () => 200));
  const { metadata } = await get(first, `/v3/images/${id}`);
  expect(metadata).toEqual(
    Object.fromEntries(Array.from({ length: CALLERS }, (_, n) => [`k${n}`, String(n)])),
  );
  const records = await openRecords(readConfig(env, "x64"));
  onTestFinished(() => records.close());
  // Each version but the first is one caller's.
  expect((await records.get("image", id))?.version).toBe(1 + CALLERS);

  const deleted = await all(
    async (n) => (await of(n).fetch(`/v3/images/${id}`, { method: "DELETE" })).status,
  );
  const times = (status: number) => deleted.filter((one) => one === status).length;
  expect([times(204), times(404)]).toEqual([1, CALLERS - 1]);
  expect(await get(first, "/v3/deleted/images")).toHaveLength(1);
});
