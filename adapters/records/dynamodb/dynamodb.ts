import { setImmediate as nextTurn } from "node:timers/promises";
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { DomainError } from "../../../core/errors.ts";
import { readyJson } from "../../../core/json.ts";
import type { Page, PageRequest, Records } from "../../../core/ports/records.ts";
import type { RecordKind } from "../../../core/records.ts";
import { type AwsConfig, awsClientOptions } from "../../aws/options.ts";
import { decodeRow, jsonOfRow, type Row, tagOf, textOfRow } from "../decode.ts";
import { refuseOddLimit } from "../cursor.ts";
import { encodeCommit } from "../encode.ts";
import { createCalls } from "./calls.ts";
import { createCommitter } from "./committer.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { writtenKey } from "./items.ts";
import { CHECK_KEY, keyOf } from "./keys.ts";
import { createListing, EVERYTHING, type Listing, type Span } from "./listing.ts";
import { createPlaces } from "./places.ts";
import { createReader, type Reader } from "./reader.ts";
import { createDivided, type Store } from "./store.ts";
import { createWholeCommits } from "./whole-commits.ts";

const PATIENCE_MS = 10_000;
/** Whoever asks whether the store is well wants to know soon. */
const CHECK_PATIENCE_MS = 3000;
const IDLE_MS = 5000;
/** So many rows of a list are parsed, in some milliseconds, before others get their turn. */
const ROWS_AT_ONCE = 256;

export interface DynamoConfig {
  readonly aws: AwsConfig;
  /** As `ensureTable` makes it. */
  readonly table: string;
  /** A request that fails for a while is sent again for so many milliseconds; 10 seconds without a word. */
  readonly patienceMs?: number;
}

/**
 * Records in one DynamoDB table, which any number of processes may use at once. Opens no connection yet.
 * A commit of more than 100 changes or 3.9 MB is applied in several transactions.
 */
export function createDynamoRecords(config: DynamoConfig): Promise<Records> {
  const patienceMs = config.patienceMs ?? PATIENCE_MS;
  const patience = { maxAttempts: 1, idleMilliseconds: Math.min(IDLE_MS, patienceMs) };
  const store: Store = {
    client: new DynamoDBClient(awsClientOptions(config.aws, patience)),
    table: config.table,
    calls: createCalls(config.table, patienceMs, config.aws.mayCall),
    places: createPlaces(Date.now, Math.random),
    divided: createDivided(),
  };
  return Promise.resolve(recordsOf(store, Math.min(patienceMs, CHECK_PATIENCE_MS)));
}

function recordsOf(store: Store, checkPatienceMs: number): Records {
  const reader = createReader(store);
  const listing = createListing(store);
  const wholeCommits = createWholeCommits(store);
  const commit = createCommitter(store, reader);
  const check = createCheck(store, checkPatienceMs);
  const calls = createOpenCalls();

  return {
    get: (kind, id) =>
      calls.run(async () => {
        const row = await rowOf(reader, kind, id);
        return row === undefined ? undefined : decodeRow(kind, row);
      }),
    getJson: (kind, id) =>
      calls.run(async () => {
        const row = await rowOf(reader, kind, id);
        return row === undefined ? undefined : jsonOfRow(kind, row);
      }),
    list: (kind, page = {}) => calls.run(() => listPage(reader, listing, kind, page)),
    listJson: (kind) =>
      calls.run(async () => {
        const rows = await reader.rowsOf(await wholeCommits(await listing.all(kind)));
        const text = `[${(await textsOf(kind, rows)).join()}]`;
        return readyJson(text, tagOf(text));
      }),
    commit: (changes) =>
      calls.run(async () => {
        const encoded = encodeCommit(changes);
        if (encoded.length > 0) await commit(encoded);
      }),
    check: () => calls.run(check),
    close: async () => {
      await calls.close();
      store.client.destroy();
    },
  };
}

async function rowOf(reader: Reader, kind: RecordKind, id: string) {
  const key = keyOf(kind, id);
  return key === undefined ? undefined : await reader.row(key);
}

/** Lets others have their turn while a long list is made. */
async function textsOf(kind: RecordKind, rows: readonly Row[]): Promise<string[]> {
  const texts: string[] = [];
  for (const row of rows) {
    texts.push(textOfRow(kind, row));
    if (texts.length % ROWS_AT_ONCE === 0) await nextTurn();
  }
  return texts;
}

/**
 * Later pages show nothing that was inserted after the first, so that no record shows twice. Who sets no limit mostly
 * gets all at once, and where that ends is asked for only when it is not all; the page is then read again, since a record
 * may have changed its place between the two.
 */
async function listPage<K extends RecordKind>(
  reader: Reader,
  listing: Listing,
  kind: K,
  page: PageRequest,
): Promise<Page<K>> {
  refuseOddLimit(page);
  const upToNow = async (): Promise<Span> => ({ ...EVERYTHING, until: await listing.lastPlace(kind) });
  let span = page.limit === undefined ? EVERYTHING : undefined;
  span = page.after === undefined ? (span ?? (await upToNow())) : decodeCursor(page.after);
  let found = await listing.first(kind, span, page.limit);
  if (found.more && span === EVERYTHING) {
    span = await upToNow();
    found = await listing.first(kind, span, page.limit);
  }
  const last = found.items.at(-1);
  const records = (await reader.rowsOf(found.items)).map((row) => decodeRow(kind, row));
  return found.more && last !== undefined
    ? { records, next: encodeCursor({ ...span, after: last.place }) }
    : { records };
}

/** One write that changes nothing of the records and whose answer has been read. */
function createCheck(store: Store, patienceMs: number): () => Promise<void> {
  const calls = createCalls(store.table, patienceMs);
  return async () => {
    const command = new UpdateItemCommand({
      TableName: store.table,
      Key: writtenKey(CHECK_KEY),
      UpdateExpression: "SET checked = :now",
      ExpressionAttributeValues: { ":now": { S: new Date().toISOString() } },
      ReturnValues: "ALL_NEW",
    });
    await calls((abortSignal) => store.client.send(command, { abortSignal }));
  };
}

/** Refuses calls once closed, and ends when those under way have. */
function createOpenCalls() {
  const underWay = new Set<Promise<unknown>>();
  let closed = false;
  return {
    async run<T>(call: () => Promise<T>): Promise<T> {
      if (closed) throw new DomainError("unavailable", "The record store is closed.");
      const work = call();
      underWay.add(work);
      try {
        return await work;
      } finally {
        underWay.delete(work);
      }
    },
    async close(): Promise<void> {
      closed = true;
      await Promise.allSettled(underWay);
    },
  };
}
