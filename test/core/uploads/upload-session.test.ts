import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  after,
  isForgettable,
  isLive,
  takesParts,
  UPLOAD_STATES,
  type UploadEvent,
  type UploadSession,
} from "../../../core/uploads/upload-session.ts";

const OPENED = Date.parse("2026-06-15T12:00:00.000Z");
const EXPIRES = OPENED + 72 * 3_600_000;

const session: UploadSession = {
  id: "u",
  created: new Date(OPENED).toISOString(),
  expires_at: new Date(EXPIRES).toISOString(),
  target: { of: "image", image: "i", artifact: "rootfs" },
  part_size: 5,
  state: "open",
  storage: { bucket: "b", key: "k", handle: "h" },
};

const event = fc.constantFrom<UploadEvent>(
  { do: "close" },
  { do: "complete", result: { of: "job", size: 1, md5: "", sha256: "" } },
  { do: "refuse", refusal: { code: "invalid", message: "no" } },
  { do: "abort" },
  { do: "expire" },
);
const time = fc.integer({ min: OPENED, max: EXPIRES * 2 - OPENED });
const history = fc.array(fc.tuple(event, time), { maxLength: 12 });

/** Every state that the session has been in; times in order. */
function lived(events: readonly (readonly [UploadEvent, number])[]): {
  states: UploadSession[];
  last: UploadSession;
} {
  const states = [session];
  let last = session;
  const inOrder = [...events].sort(([, a], [, b]) => a - b);
  for (const [what, now] of inOrder) {
    last = after(last, what, now) ?? last;
    states.push(last);
  }
  return { states, last };
}

describe("the session of an upload in parts", () => {
  it("never leaves an end that it has come to", () => {
    fc.assert(
      fc.property(history, event, time, (events, next, now) => {
        const { last } = lived(events);
        fc.pre(!isLive(last));
        expect(after(last, next, now)).toBeUndefined();
      }),
    );
  });

  it("goes no way but open, completing, an end", () => {
    const order = (state: UploadSession["state"]) => Math.min(UPLOAD_STATES.indexOf(state), 2);
    fc.assert(
      fc.property(history, (events) => {
        const ways = lived(events).states.map(({ state }) => order(state));
        expect(ways).toEqual([...ways].sort((a, b) => a - b));
      }),
    );
  });

  it("has a result when it was completed and then only, and tells when it ended", () => {
    fc.assert(
      fc.property(history, (events) => {
        const { last } = lived(events);
        expect(last.result !== undefined).toBe(last.state === "completed");
        expect(last.ended !== undefined).toBe(!isLive(last));
        expect(last.refusal === undefined || last.state === "aborted").toBe(true);
      }),
    );
  });

  it("takes parts only while it is open and its time is not over", () => {
    fc.assert(
      fc.property(history, time, (events, now) => {
        const { last } = lived(events);
        expect(takesParts(last, now)).toBe(last.state === "open" && now < EXPIRES);
      }),
    );
  });

  it("can always be brought to an end once its time is over", () => {
    fc.assert(
      fc.property(history, (events) => {
        const { last } = lived(events);
        const end = after(last, { do: "expire" }, EXPIRES) ?? last;
        expect(isLive(end)).toBe(false);
        expect(isForgettable(end, EXPIRES * 2)).toBe(true);
        expect(isForgettable(end, EXPIRES - 1)).toBe(false);
      }),
    );
  });

  it("does not expire before its time", () => {
    expect(after(session, { do: "expire" }, EXPIRES - 1)).toBeUndefined();
    expect(after(session, { do: "close" }, EXPIRES)).toBeUndefined();
  });
});
