import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { killOneOfTwo } from "../support/kill-rounds.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { withLocalstack } from "../support/own-localstack.ts";

const SECONDS = Number(process.env["IMS_KILL_SECONDS"] ?? 600);

withLocalstack();

it(`two processes on one table and its buckets, one of which is killed again and again for ${SECONDS} s, lose and double nothing`, async () => {
  const data = await mkdtemp(path.join(tmpdir(), "ims-two-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const env = { ...localstackEnv(freshStorage()), IMS_DATA: data };
  const { acknowledged, cutShort } = await killOneOfTwo(env, SECONDS);
  process.stdout.write(`${SECONDS} s: ${acknowledged} acknowledged changes, ${cutShort} cut short\n`);
  expect(cutShort).toBeGreaterThan(SECONDS / 20);
});
