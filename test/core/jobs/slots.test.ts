import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseSlots, type Placement } from "../../../core/jobs/slots.ts";
import { testSettings } from "../../support/settings.ts";

const place: Placement = { arch: "x86_64", runner: "local" };
const caps = (maxRunning: number, x86_64?: number, local?: number) =>
  testSettings({
    maxRunning,
    maxByArch: x86_64 === undefined ? {} : { x86_64 },
    maxByRunner: local === undefined ? {} : { local },
  }).jobs;

describe("the slots of running jobs", () => {
  it("are one of each cap that counts the job", () => {
    const choice = chooseSlots(place, new Set(), caps(2, 1, 1), () => 0);
    expect(choice).toEqual({ slots: ["all.0", "runner-local.0", "arch-x86_64.0"] });
    expect(chooseSlots({ ...place, arch: "aarch64" }, new Set(), caps(2, 1), () => 0)).toEqual({
      slots: ["all.0"],
    });
  });

  it("say which cap is full, and whether that concerns every job", () => {
    expect(chooseSlots(place, new Set(["all.0"]), caps(1), () => 0)).toEqual({
      full: "As many jobs as may at once are running: 1.",
      everybody: true,
    });
    expect(chooseSlots(place, new Set(["arch-x86_64.0"]), caps(5, 1), () => 0)).toEqual({
      full: "As many jobs for x86_64 as may at once are running: 1.",
      everybody: false,
    });
    expect(chooseSlots(place, new Set(), caps(0), () => 0)).toEqual({
      full: "The service holds all jobs for now.",
      everybody: true,
    });
  });

  it("are never more than the cap, whoever takes and frees them, also after the cap was lowered", () => {
    const step = fc.record({
      free: fc.boolean(),
      at: fc.nat(20),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.nat(6), fc.nat(6), fc.array(step, { maxLength: 60 }), (before, after, steps) => {
        const held = new Set(Array.from({ length: before }, (_, n) => `all.${n}`));
        for (const { free, at, random } of steps) {
          if (free) held.delete([...held][at % Math.max(1, held.size)] ?? "");
          const size = held.size;
          const choice = chooseSlots(place, held, caps(after), () => random);
          expect("full" in choice).toBe(size >= after);
          for (const slot of "slots" in choice ? choice.slots : []) {
            expect(held.has(slot)).toBe(false);
            held.add(slot);
          }
          expect(held.size).toBeLessThanOrEqual(Math.max(size, after));
        }
      }),
    );
  });
});
