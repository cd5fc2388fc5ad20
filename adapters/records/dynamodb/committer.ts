import { randomUUID } from "node:crypto";
import { TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import * as v from "valibot";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import { type EncodedChange, type EncodedCommit, lostRace } from "../encode.ts";
import { cancellationReasons } from "./calls.ts";
import { keyOf } from "./keys.ts";
import type { Reader } from "./reader.ts";
import type { Store } from "./store.ts";
import { besides, type Step, type StepWrites, transactionsOf, writesOf } from "./writes.ts";

/**
 * Each transaction has a token: sent again after its answer was lost, DynamoDB answers what it has done then and does not
 * do it twice. So a retry of one's own write is no lost race. DynamoDB knows a token for 10 minutes; calls are given up
 * long before.
 */
export function createCommitter(store: Store, reader: Reader): (commit: EncodedCommit) => Promise<void> {
  async function apply(steps: readonly Step[]): Promise<void> {
    for (let known = steps; ; known = known.map((step) => withParts(store, step))) {
      const stamp = randomUUID();
      const groups = transactionsOf(written(store.table, stamp, known));
      if (groups.length > 1) return await applyInTurn(groups);
      if (await transacted(store, stamp, groups[0] ?? [])) return;
    }
  }

  /** A set that no transaction takes. What was applied by the same commit before, in vain in the end, is passed over. */
  async function applyInTurn(groups: readonly StepWrites[][]): Promise<void> {
    for (const [applied, group] of groups.entries()) {
      const steps = group.map(({ step }) => step);
      try {
        await apply(steps);
      } catch (error) {
        if (!isDomainError(error, "lost-race")) throw error;
        if (await isApplied(reader, steps)) continue;
        throw applied === 0 ? error : partly(error);
      }
    }
  }

  return async (commit) => await apply(commit.map((change) => stepOf(store, change)));
}

function stepOf(store: Store, change: EncodedChange): Step {
  const key = keyOf(change.kind, change.id);
  if (key === undefined) throw new DomainError("invalid", `The id of this ${change.kind} is too long.`);
  const place = change.op === "insert" ? store.places.next() : "";
  return withParts(store, { change, key, place, oldParts: 0 });
}

function withParts(store: Store, step: Step): Step {
  const { change, key } = step;
  const oldParts = change.op === "insert" ? 0 : store.divided.partsOf(key, change.version);
  return { ...step, oldParts };
}

function written(table: string, stamp: string, steps: readonly Step[]): StepWrites[] {
  const notes = besides(steps);
  return steps.map((step) => writesOf({ table, stamp }, step, notes.get(step.change.kind)));
}

/** False when a record turned out to have its value in parts, which is known from now on. @throws `lost-race` */
async function transacted(store: Store, token: string, group: readonly StepWrites[]): Promise<boolean> {
  const command = new TransactWriteItemsCommand({
    TransactItems: group.flatMap(({ writes }) => writes),
    ClientRequestToken: token,
  });
  return await store.calls(async (abortSignal) => {
    try {
      await store.client.send(command, { abortSignal });
      return true;
    } catch (error) {
      const losses = lossesIn(error, group);
      if (losses.length === 0) throw error;
      const loser = losses.find(({ step, item }) => !learned(store, step, item));
      if (loser !== undefined) throw lostRace(loser.step.change);
      return false;
    }
  });
}

interface Loss {
  readonly step: Step;
  readonly item: unknown;
}

/** The changes whose condition failed; the record's own write is the first of each. */
function lossesIn(error: unknown, group: readonly StepWrites[]): Loss[] {
  const reasons = error instanceof Error ? cancellationReasons(error) : undefined;
  if (reasons === undefined) return [];
  let at = 0;
  return group.flatMap(({ step, writes }) => {
    const reason = reasons[at];
    at += writes.length;
    return reason?.code === "ConditionalCheckFailed" ? [{ step, item: reason.item }] : [];
  });
}

const Told = v.object({
  version: v.object({ N: v.string() }),
  parts: v.optional(v.object({ N: v.string() })),
});

/** Whether the condition failed only because nobody knew that the value is in parts. */
function learned(store: Store, { change, key, oldParts }: Step, item: unknown): boolean {
  const told = v.safeParse(Told, item);
  if (change.op === "insert" || !told.success) return false;
  const parts = Number(told.output.parts?.N ?? 0);
  if (Number(told.output.version.N) !== change.version || parts === oldParts) return false;
  store.divided.note(key, change.version, parts);
  return true;
}

/** Whether all of these changes were done before, by whomever. */
async function isApplied(reader: Reader, steps: readonly Step[]): Promise<boolean> {
  const done = await Promise.all(
    steps.map(async ({ change, key }) => {
      const row = await reader.row(key);
      if (change.op === "remove") return row === undefined;
      const version = change.op === "insert" ? 1 : change.version + 1;
      return row?.version === version && row.text === change.text;
    }),
  );
  return done.every(Boolean);
}

function partly(cause: unknown): DomainError {
  const message =
    "Some of these changes were applied before another one lost a race. Settle that one, then send all of them again: what was applied is passed over.";
  return new DomainError("conflict", message, { cause });
}
