import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { killOneOfTwo } from "../support/kill-rounds.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";

const SECONDS = 60;

it(
  "two processes on one table and its buckets, one of which is killed again and again, lose and double nothing",
  { timeout: 300_000 },
  async () => {
    const data = await mkdtemp(path.join(tmpdir(), "ims-two-"));
    onTestFinished(() => rm(data, { recursive: true, force: true }));
    const { acknowledged, cutShort } = await killOneOfTwo(
      { ...localstackEnv(freshStorage()), IMS_DATA: data },
      SECONDS,
    );
    expect(Math.min(acknowledged, cutShort)).toBeGreaterThan(5);
  },
);
