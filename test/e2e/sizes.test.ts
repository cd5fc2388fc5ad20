import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { WORKER_BUNDLE } from "../support/deployments.ts";

it("compresses the Worker to less than 150 KiB", () => {
  expect(gzipSync(readFileSync(WORKER_BUNDLE), { level: 9 }).length).toBeLessThan(150 * 1024);
});
