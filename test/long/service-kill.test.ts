import { describe, expect, it } from "vitest";
import { killRounds } from "../support/kill-rounds.ts";

const ROUNDS = Number(process.env["IMS_KILL_ROUNDS"] ?? 100);

describe("a service that is killed while several callers write, delete, restore and upload", () => {
  it(`comes back with every acknowledged change, and records and objects agree, ${ROUNDS} times over`, async () => {
    const { acknowledged, cutShort } = await killRounds(ROUNDS);
    process.stdout.write(`${ROUNDS} kills: ${acknowledged} acknowledged changes, ${cutShort} cut short\n`);
    expect(cutShort).toBeGreaterThan(ROUNDS / 2);
  });
});
