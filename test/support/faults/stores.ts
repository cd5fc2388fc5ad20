import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { awsClientOptions } from "../../../adapters/aws/options.ts";
import { createSystemClock } from "../../../adapters/clock/system.ts";
import { createHmacSigner } from "../../../adapters/signer/hmac.ts";
import {
  openArtifacts,
  openJobLogs,
  openRecords,
  prepareStorage,
} from "../../../functions/compose/stores.ts";
import { readConfig } from "../../../functions/config.ts";
import { createTestService, type TestService } from "../ims.ts";
import { type FreshStorage, freshStorage, localstack, localstackEnv } from "../localstack.ts";
import type { FaultProxy } from "./proxy.ts";

/** A service in this process, without timers, whose stores are reached at this endpoint. */
async function serviceAt(storage: FreshStorage, data: string, endpoint: string, clock = createSystemClock()) {
  const config = readConfig({ ...localstackEnv(storage, endpoint), IMS_DATA: data }, "x64");
  const signer = createHmacSigner(new Uint8Array(32).fill(7));
  const records = await openRecords(config);
  const { artifacts } = await openArtifacts(config, { signer, clock, publicUrl: () => "http://localhost" });
  const logs = await openJobLogs(config);
  const replace = { records, artifacts, logs, clock };
  const service = createTestService({}, replace, undefined, { buckets: config.settings.buckets });
  return { service, config, close: () => records.close() };
}

export interface Bench {
  /** Sees the stores past the proxy. */
  readonly direct: TestService;
  readonly disturbed: TestService;
  readonly buckets: TestService["settings"]["buckets"];
}

/** Two services on empty storage of their own, one of them behind the proxy, for as long as `use` takes. */
export async function onFreshStorage<T>(proxy: FaultProxy, use: (bench: Bench) => Promise<T>): Promise<T> {
  const storage = freshStorage();
  const data = await mkdtemp(path.join(tmpdir(), "ims-faults-"));
  const { endpoint } = localstack();
  const direct = await serviceAt(storage, data, endpoint);
  await prepareStorage(direct.config);
  const disturbed = await serviceAt(storage, data, proxy.url);
  try {
    const { buckets } = direct.config.settings;
    return await use({ direct: direct.service, disturbed: disturbed.service, buckets });
  } finally {
    await Promise.all([direct.close(), disturbed.close()]);
    await dropTable(storage.table);
    await rm(data, { recursive: true, force: true });
  }
}

/** Buckets are left to the end of LocalStack; tables cost it memory. */
async function dropTable(table: string): Promise<void> {
  const client = new DynamoDBClient(
    awsClientOptions(localstack(), { maxAttempts: 3, idleMilliseconds: 10_000 }),
  );
  await client.send(new DeleteTableCommand({ TableName: table }));
  client.destroy();
}
