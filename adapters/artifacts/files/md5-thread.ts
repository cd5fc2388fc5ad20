import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import * as v from "valibot";
import { Md5Request, type Md5Reply } from "./md5-messages.ts";

/** The program of the thread that `createMd5Thread` starts. */
const hashes = new Map<number, Hash>();

function carryOut(request: Md5Request): Md5Reply | undefined {
  const { session } = request;
  if (request.do === "forget") {
    hashes.delete(session);
    return undefined;
  }
  const hash = hashes.get(session) ?? createHash("md5");
  if (request.do === "digest") return { session, md5: hash.digest("hex") };
  hashes.set(session, hash.update(request.bytes));
  return { session, bytes: request.bytes };
}

parentPort?.on("message", (message: unknown) => {
  const reply = carryOut(v.parse(Md5Request, message));
  if (reply !== undefined)
    parentPort?.postMessage(reply, reply.bytes === undefined ? [] : [reply.bytes.buffer]);
});
