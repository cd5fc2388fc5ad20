import { randomBytes, randomUUID } from "node:crypto";
import type { Ids } from "../../core/ports/ids.ts";

/** Chance from the operating system; jitter from the engine's generator. */
export function createSystemIds(): Ids {
  return {
    uuid: () => randomUUID(),
    secret: () => randomBytes(32).toString("base64url"),
    random: () => Math.random(),
  };
}
