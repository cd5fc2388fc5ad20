import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SeenNode } from "../../../core/jobs/node-places.ts";
import { chooseOtherNode, choosePlace, type Offer } from "../../../core/jobs/placement.ts";
import { jobsOnNode } from "../../../core/jobs/slots.ts";
import type { NodeFacts } from "../../../core/nodes/node.ts";
import type { Settings } from "../../../core/settings.ts";
import { testSettings } from "../../support/settings.ts";

const NOW = Date.parse("2026-06-15T12:00:00.000Z");
const facts: NodeFacts = {
  arch: "x86_64",
  machine: "x86_64",
  podman: "5.0.0",
  jobs: 0,
  free_bytes: 2 ** 40,
  free_memory_bytes: 2 ** 36,
};
const node = (id: string, more: Partial<NodeFacts> = {}): SeenNode => ({
  id,
  state: { id, at: {}, checked: new Date(NOW).toISOString(), facts: { ...facts, ...more } },
});
const arm = (id: string) => node(id, { arch: "aarch64", machine: "aarch64" });

function offer(more: Partial<Offer> = {}, jobs: Partial<Settings["jobs"]> = {}): Offer {
  const settings = testSettings({ maxRunning: 100, maxByNode: 2, ...jobs }).jobs;
  return {
    runners: ["local", "ssh"],
    nodes: [],
    held: new Set(),
    settings,
    now: NOW,
    random: () => 0,
    ...more,
  };
}

describe("the place of a job", () => {
  it("is a node of its architecture, in whatever order runners are preferred", () => {
    for (const runners of [
      ["local", "ssh"],
      ["ssh", "local"],
    ] as const)
      expect(
        choosePlace({ arch: "aarch64" }, offer({ runners, nodes: [node("x1"), arm("x2")] })),
      ).toMatchObject({ place: { runner: "ssh", node: "x2" } });
  });

  it("is this machine for what it builds itself", () => {
    expect(choosePlace({ arch: "x86_64" }, offer({ nodes: [node("x1")] }))).toMatchObject({
      place: { runner: "local" },
    });
  });

  it("is in the cluster for what this machine cannot build", () => {
    expect(choosePlace({ arch: "aarch64" }, offer({ runners: ["local", "kubernetes"] }))).toMatchObject({
      place: { runner: "kubernetes" },
    });
  });

  it("is waited for while no node of its architecture is fit, and nobody else is kept by that", () => {
    expect(choosePlace({ arch: "aarch64" }, offer({ nodes: [node("x1")] }))).toEqual({
      full: "This machine builds x86_64 images. No remote build node can take it now (x1: it is x86_64).",
      everybody: false,
    });
    expect(choosePlace({ arch: "aarch64" }, offer())).toEqual({
      full: "This machine builds x86_64 images. No remote build node is known to be there.",
      everybody: false,
    });
  });

  it("is this machine where nothing else could ever take it: it ends there with the reason", () => {
    expect(choosePlace({ arch: "aarch64" }, offer({ runners: ["local"] }))).toMatchObject({
      place: { runner: "local" },
    });
  });

  it("is no node that nobody has looked at", () => {
    expect(choosePlace({ arch: "x86_64" }, offer({ runners: ["ssh"], nodes: [{ id: "x1" }] }))).toEqual({
      full: "No remote build node can take it now (x1: nobody has looked at it yet).",
      everybody: false,
    });
  });
});

describe("another place for a job", () => {
  const need = { arch: "x86_64" } as const;
  const slots = ["all.0", "node-x1.1"];
  const held = new Set(slots);

  it("is another fit node once its launch has failed, with the one node's slot for the other's", () => {
    const choice = chooseOtherNode(
      need,
      { node: "x1", attempt: 1, slots },
      offer({ nodes: [node("x1"), arm("x2"), node("x3")], held }),
    );
    expect(choice).toEqual({
      place: { runner: "ssh", node: "x3" },
      slots: ["node-x3.0"],
      frees: ["node-x1.1"],
    });
  });

  it("is none while its own is fit and no launch has failed, nor off the nodes", () => {
    const nodes = [node("x1"), node("x3")];
    expect(chooseOtherNode(need, { node: "x1", attempt: 0, slots }, offer({ nodes, held }))).toBeUndefined();
    expect(chooseOtherNode(need, { attempt: 2, slots: ["all.0"] }, offer({ nodes, held }))).toBeUndefined();
  });

  it("is looked for before the first launch when its own is not registered any more", () => {
    const choice = chooseOtherNode(
      need,
      { node: "x1", attempt: 0, slots },
      offer({ nodes: [node("x3")], held }),
    );
    expect(choice).toMatchObject({ place: { node: "x3" } });
  });

  it("is none when all others are full or unfit", () => {
    const full = new Set([...held, "node-x3.0", "node-x3.1"]);
    const nodes = [node("x1"), node("x3"), arm("x4")];
    expect(
      chooseOtherNode(need, { node: "x1", attempt: 1, slots }, offer({ nodes, held: full })),
    ).toBeUndefined();
  });
});

const chance = fc.double({ min: 0, max: 0.999, noNaN: true });

describe("jobs on nodes", () => {
  it("are spread evenly over nodes that are alike, whatever chance says", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(chance, { minLength: 1, maxLength: 30 }),
        (count, chances) => {
          const ids = Array.from({ length: count }, (_, n) => `x${n}`);
          const held = new Set<string>();
          const draws = chances.values();
          const random = () => draws.next().value ?? 0.5;
          for (const _ of chances) {
            const choice = choosePlace(
              { arch: "x86_64" },
              offer({ runners: ["ssh"], nodes: ids.map((id) => node(id)), held, random }, { maxByNode: 30 }),
            );
            for (const slot of "slots" in choice ? choice.slots : []) held.add(slot);
            const counts = ids.map((id) => jobsOnNode(id, held));
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          }
          expect(ids.reduce((sum, id) => sum + jobsOnNode(id, held), 0)).toBe(chances.length);
        },
      ),
    );
  });

  it("are never more than a node's cap and all jobs' allow, in whatever order they come, move and go", () => {
    const step = fc.record({
      act: fc.constantFrom("come", "come", "move", "go"),
      at: fc.nat(50),
      random: chance,
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 80 }),
        (count, maxByNode, maxRunning, steps) => {
          const nodes = Array.from({ length: count }, (_, n) => node(`x${n}`));
          const held = new Set<string>();
          const jobs: { node: string; slots: string[] }[] = [];
          const room = () => jobs.length < Math.min(maxRunning, count * maxByNode);
          for (const { act, at, random } of steps) {
            const now = offer(
              { runners: ["ssh"], nodes, held, random: () => random },
              { maxByNode, maxRunning },
            );
            const job = jobs[at % Math.max(1, jobs.length)];
            if (act === "come") come(room(), now);
            else if (act === "go" && job !== undefined) go(job);
            else if (act === "move" && job !== undefined) move(job, now);
            expect(held.size).toBe(jobs.length * 2);
            expect([...held].filter((id) => id.startsWith("all.")).length).toBeLessThanOrEqual(maxRunning);
            for (const { id } of nodes) expect(jobsOnNode(id, held)).toBeLessThanOrEqual(maxByNode);
          }

          function take(slots: readonly string[]): void {
            for (const slot of slots) {
              expect(held.has(slot)).toBe(false);
              held.add(slot);
            }
          }
          function come(isRoom: boolean, now: Offer): void {
            const choice = choosePlace({ arch: "x86_64" }, now);
            expect("slots" in choice).toBe(isRoom);
            if (!("slots" in choice)) return;
            take(choice.slots);
            jobs.push({ node: choice.place.node ?? "", slots: [...choice.slots] });
          }
          function go(job: (typeof jobs)[number]): void {
            for (const slot of job.slots) held.delete(slot);
            jobs.splice(jobs.indexOf(job), 1);
          }
          function move(job: (typeof jobs)[number], now: Offer): void {
            const choice = chooseOtherNode({ arch: "x86_64" }, { ...job, attempt: 1 }, now);
            if (choice === undefined) return;
            take(choice.slots);
            for (const slot of choice.frees) expect(held.delete(slot)).toBe(true);
            job.slots = [...job.slots.filter((slot) => !choice.frees.includes(slot)), ...choice.slots];
            job.node = choice.place.node ?? "";
          }
        },
      ),
    );
  });
});
