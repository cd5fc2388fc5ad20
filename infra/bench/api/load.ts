// A load generator: node load.ts, with a LoadPlan as JSON on standard input; prints a LoadReport as JSON.
import { connect, type Socket } from "node:net";
import process from "node:process";
import { text } from "node:stream/consumers";
import * as v from "valibot";

export const LoadPlan = v.object({
  port: v.number(),
  connections: v.number(),
  /** How long it counts, and how long before that it only warms up. */
  seconds: v.number(),
  warmUpSeconds: v.number(),
  /** Whole requests, taken in turn. `{n}` becomes a number that no other request has. */
  requests: v.pipe(v.array(v.string()), v.minLength(1)),
  status: v.number(),
  /** How long a connection rests after each answer. Without it latencies tell how busy the machine is, and little else. */
  restMs: v.exactOptional(v.number()),
});
export type LoadPlan = v.InferOutput<typeof LoadPlan>;

export const LoadReport = v.object({
  perSecond: v.number(),
  p50Ms: v.number(),
  p99Ms: v.number(),
  /** All of them, those of the warm-up too. */
  answers: v.number(),
});
export type LoadReport = v.InferOutput<typeof LoadReport>;

/** Latencies are counted in steps of 10 µs, up to a second and a half. */
const STEP_MS = 0.01;
const STEPS = 150_000;
const BUFFER_BYTES = 1024 * 1024;
const MOST_HEAD_BYTES = 4096;

/** Each connection has one request under way, and sends the next when the whole answer has been read. */
async function generate(plan: LoadPlan): Promise<LoadReport> {
  const counts = new Uint32Array(STEPS);
  let answers = 0;
  const begin = performance.now() + plan.warmUpSeconds * 1000;
  const finish = begin + plan.seconds * 1000;
  const next = requestsInTurn(plan.requests);
  const done = (began: number): boolean => {
    const now = performance.now();
    answers += 1;
    if (began >= begin && now <= finish) {
      const step = Math.min(STEPS - 1, Math.floor((now - began) / STEP_MS));
      counts[step] = (counts[step] ?? 0) + 1;
    }
    return now < finish;
  };
  // All connections read into the same memory: nothing of it is kept.
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const sleepAgain = plan.restMs === undefined ? stayAwake() : () => undefined;
  await Promise.all(Array.from({ length: plan.connections }, () => converse(plan, buffer, next, done)));
  sleepAgain();
  const counted = counts.reduce((sum, count) => sum + count, 0);
  return {
    perSecond: counted / plan.seconds,
    p50Ms: percentile(counts, counted, 0.5),
    p99Ms: percentile(counts, counted, 0.99),
    answers,
  };
}

/**
 * Keeps this process from sleeping, until what is answered is called. To wake a process of the same machine costs who
 * writes to it as much as answering several requests does, which no client elsewhere would cost a server.
 */
function stayAwake(): () => void {
  let turn = setImmediate(function again() {
    turn = setImmediate(again);
  });
  return () => clearImmediate(turn);
}

function requestsInTurn(requests: readonly string[]): () => string {
  let number = 0;
  const fixed = !requests.some((request) => request.includes("{n}"));
  return () => {
    number += 1;
    const request = requests[number % requests.length] ?? "";
    return fixed ? request : request.replace("{n}", String(number).padStart(9, "0"));
  };
}

function converse(
  { port, status, restMs }: LoadPlan,
  buffer: Buffer,
  next: () => string,
  done: (began: number) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let began = 0;
    const reader = createAnswerReader(status);
    const ask = (): void => {
      began = performance.now();
      socket.write(next(), "latin1");
    };
    const askAgain = restMs === undefined ? ask : () => void setTimeout(ask, restMs);
    const socket: Socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer,
        callback(length) {
          try {
            if (!reader.take(buffer, length)) return true;
            if (done(began)) askAgain();
            else socket.destroy();
          } catch (error) {
            socket.destroy();
            reject(error);
          }
          return true;
        },
      },
    });
    socket.on("connect", ask);
    socket.on("error", reject);
    socket.on("close", resolve);
    socket.on("end", () => reject(new Error("The server closed a connection.")));
  });
}

/** Reads one answer after another: the head is looked at, of the body only its length. */
function createAnswerReader(status: number) {
  const wanted = `HTTP/1.1 ${status} `;
  let left = 0;
  let head = "";
  return {
    /** True when an answer is complete. @throws when it is not the one that is wanted */
    take(bytes: Buffer, length: number): boolean {
      if (left > 0) return (left -= length) === 0;
      const before = head.length;
      head += bytes.toString("latin1", 0, Math.min(length, MOST_HEAD_BYTES));
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return false;
      if (!head.startsWith(wanted)) throw new Error(`Wanted ${wanted}and got ${head.slice(0, 600)}`);
      left = bodyLength(head.slice(0, end)) - (length - (end + 4 - before));
      head = "";
      return left === 0;
    },
  };
}

function bodyLength(head: string): number {
  const at = head.search(/\r\ncontent-length: /iu);
  if (at < 0 && /^HTTP\/1.1 [23]04 /u.test(head)) return 0;
  if (at < 0) throw new Error(`An answer without length: ${head}`);
  return Number.parseInt(head.slice(at + 18), 10);
}

function percentile(counts: Uint32Array, answers: number, part: number): number {
  let seen = 0;
  const step = counts.findIndex((count) => (seen += count) >= answers * part);
  return (step + 1) * STEP_MS;
}

if (import.meta.main) {
  const plan = v.parse(LoadPlan, JSON.parse(await text(process.stdin)));
  process.stdout.write(`${JSON.stringify(await generate(plan))}\n`);
}
