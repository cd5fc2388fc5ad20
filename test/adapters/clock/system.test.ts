import { describe, expect, it } from "vitest";
import { createSystemClock } from "../../../adapters/clock/system.ts";

describe("the machine's clock", () => {
  it("tells the time in milliseconds since the epoch", () => {
    const before = Date.now();
    const now = createSystemClock().now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it("sleeps for some time, or not at all", async () => {
    const clock = createSystemClock();
    await expect(clock.sleep(1)).resolves.toBeUndefined();
    await expect(clock.sleep(0)).resolves.toBeUndefined();
    await expect(clock.sleep(-5)).resolves.toBeUndefined();
  });

  it("wakes with the signal's reason when it is aborted, before or while it sleeps", async () => {
    const clock = createSystemClock();
    const reason = new Error("enough");
    await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleep = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
  });

  it("sleeps longer than a timer can be", async () => {
    const controller = new AbortController();
    const woken = { early: false };
    const sleep = createSystemClock()
      .sleep(2 ** 31 + 1000, controller.signal)
      .then(() => (woken.early = true));
    await createSystemClock().sleep(20);
    expect(woken.early).toBe(false);
    controller.abort(new Error("enough"));
    await expect(sleep).rejects.toThrow("enough");
  });
});
