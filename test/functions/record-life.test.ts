import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryArtifacts } from "../../adapters/artifacts/memory.ts";
import { createMemoryRecords } from "../../adapters/records/memory.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import { sweepStaging } from "../../core/artifacts/staging.ts";
import { failingPorts, type Trouble } from "../support/failing-ports.ts";
import { storeImage } from "../support/images.ts";
import { createTestService, type TestService } from "../support/ims.ts";
import { observedWorld } from "../support/observed-world.ts";
import {
  type Attempt,
  type Command,
  explains,
  explainsPartly,
  stepAll,
  type WholeCollection,
  type World,
} from "../support/record-life.ts";

const RUNS = Number(process.env["IMS_LIFE_RUNS"] ?? 150);
const KINDS = ["images", "recipes", "public-keys"] as const;
const FOLDERS = ["ext-2", "ext-1"];

type Draft = { readonly do: Command["do"]; readonly target: number; readonly n: number };
type Action =
  /** At once; `target` is everybody's where it is given. */
  | { readonly at: "once"; readonly drafts: readonly Draft[]; readonly target?: number | null }
  | { readonly at: "all"; readonly command: WholeCollection }
  | { readonly at: "stock"; readonly folder: string };

const draft: fc.Arbitrary<Draft> = fc.record({
  do: fc.constantFrom(
    ...(["create", "register", "patch", "delete", "undelete", "purge", "link"] as const),
    ...(["destroy", "upload", "archive", "create", "upload", "delete", "undelete", "register"] as const),
  ),
  target: fc.nat(30),
  n: fc.nat(5),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      at: fc.constant("once" as const),
      drafts: fc.array(draft, { minLength: 1, maxLength: 3 }),
      target: fc.option(fc.nat(30)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ at: fc.constant("stock" as const), folder: fc.constantFrom(...FOLDERS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.constant("all" as const),
      command: fc.record({
        do: fc.constantFrom(
          "delete-all" as const,
          "undelete-all" as const,
          "purge-all" as const,
          "destroy-all" as const,
        ),
        kind: fc.constantFrom(...KINDS),
      }),
    }),
  },
);
const trouble: fc.Arbitrary<Trouble> = fc.record({
  at: fc.nat(25),
  kind: fc.constantFrom("dies before" as const, "dies after" as const, "refuses" as const),
});

/** Aims at a record that is, or was, there; `n` tells texts and kinds apart. */
function aim({ do: what, target, n }: Draft, ids: readonly string[]): Command {
  const id = ids[target % Math.max(ids.length, 1)] ?? "none";
  const isEven = n % 2 === 0;
  const withMore = {
    create: { do: "create", kind: KINDS[n % 3] ?? "images" },
    register: { do: "register", folder: FOLDERS[n % 2] ?? "" },
    destroy: { do: "destroy", id, cascade: isEven },
    upload: { do: "upload", id, part: isEven ? "rootfs" : "kernel", text: `text ${n}` },
    archive: { do: "archive", id, text: `archive ${n}` },
    patch: { do: "patch", id, arch: isEven ? "x86_64" : "aarch64" },
    link: { do: "link", id },
    delete: { do: "delete", id },
    undelete: { do: "undelete", id },
    purge: { do: "purge", id },
  } as const satisfies Record<Draft["do"], Command>;
  return withMore[what];
}

const BODIES = {
  images: { name: "i" },
  recipes: { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" },
  "public-keys": { name: "k", public_key: "ssh-ed25519 A" },
};
const undelete = { operation: "undelete" };

function send(service: TestService, command: Command, world: World) {
  if (command.do === "create") return service.post(`/v3/${command.kind}`, BODIES[command.kind]);
  if (command.do === "register") {
    const link = { type: "s3", path: `s3://boot-images/${command.folder}/manifest.json` };
    return service.post("/v3/images", { name: "i", link });
  }
  const path = `${world.records[command.id]?.kind ?? "images"}/${command.id}`;
  if (command.do === "upload")
    return service.put(`/v3/images/${command.id}/artifacts/${command.part}`, command.text);
  if (command.do === "archive") return service.put(`/v3/recipes/${command.id}/archive`, command.text);
  if (command.do === "link") return service.call("POST", `/v3/images/${command.id}/manifest`);
  if (command.do === "patch") return service.patch(`/v3/${path}`, { arch: command.arch });
  return sendMove(service, command, path);
}

function sendMove(
  service: TestService,
  command: Command & { readonly do: "delete" | "undelete" | "purge" | "destroy" },
  path: string,
) {
  switch (command.do) {
    case "delete":
      return service.remove(`/v3/${path}`);
    case "undelete":
      return service.patch(`/v3/deleted/${path}`, undelete);
    case "purge":
      return service.remove(`/v3/deleted/${path}`);
    case "destroy":
      return service.remove(`/v2/${path}?cascade=${command.cascade}`);
  }
}

function sendAll(service: TestService, { do: what, kind }: WholeCollection) {
  if (what === "undelete-all") return service.patch(`/v3/deleted/${kind}`, undelete);
  return service.remove(
    { "delete-all": "/v3/", "purge-all": "/v3/deleted/", "destroy-all": "/v2/" }[what] + kind,
  );
}

/** Only trouble is a reason to answer nothing, or that one should come again. */
const mayBeUnanswered = (attempts: readonly Attempt[], disturbed: boolean) =>
  disturbed || attempts.every(({ status }) => status !== undefined);

const unexplained = (what: object) => new Error(`No order of the requests explains ${JSON.stringify(what)}`);

/** Lives that one after the other use the same stores, each until it gets into trouble. */
async function live(actions: readonly Action[], troubles: readonly Trouble[], seed: number): Promise<void> {
  const records = createMemoryRecords();
  const signer = createHmacSigner(new Uint8Array(32).fill(7));
  const artifacts = createMemoryArtifacts({
    signer,
    clock: { now: () => 0 },
    publicUrl: () => "http://localhost",
  });
  const rest = [...troubles];
  const ids: string[] = [];
  let world: World = { records: {}, loose: {} };

  function born() {
    const ports = failingPorts(records, artifacts, rest.shift(), seed);
    return { ports, service: createTestService({}, { ...ports, artifacts: ports.artifacts }) };
  }
  let life = born();

  /** What there is once everything that is pending is done, by the same service or, where it died, by the next. */
  async function settled(): Promise<{ now: World; disturbed: boolean }> {
    const disturbed = life.ports.state.dead || life.ports.state.refused > 0;
    life.ports.state.refused = 0;
    if (life.ports.state.dead) life = born();
    for (let tries = 0; (await records.list("object-journal")).records.length > 0 && tries < 20; tries += 1) {
      if (life.ports.state.dead) life = born();
      await life.service.ims.recover().catch(() => undefined);
    }
    if (life.ports.state.dead) life = born();
    if (disturbed)
      for (const bucket of ["ims", "boot-images"])
        await sweepStaging({ records, artifacts }, bucket, Number.MAX_SAFE_INTEGER);
    return { now: await observedWorld(records, artifacts), disturbed };
  }

  async function restock(folder: string): Promise<void> {
    const there = await Array.fromAsync(artifacts.list("boot-images", `${folder}/`));
    if (there.length === 0) await storeImage(artifacts, folder);
    world = await observedWorld(records, artifacts);
  }

  for (const one of actions) {
    if (one.at === "stock") {
      await restock(one.folder);
      continue;
    }
    if (one.at === "all") {
      const { status } = await sendAll(life.service, one.command);
      const { now } = await settled();
      const explained =
        status >= 500
          ? explainsPartly(world, one.command, now)
          : isDeepStrictEqual(now, stepAll(world, one.command));
      if (!explained) throw unexplained({ command: one.command, status, now, before: world });
      world = now;
      continue;
    }
    const before = world;
    const attempts = await Promise.all(
      one.drafts.map(async (draft): Promise<Attempt> => {
        const command = aim({ ...draft, target: one.target ?? draft.target }, ids);
        const { status, json } = await send(life.service, command, before);
        return { command, status: status >= 500 ? undefined : status, newId: status === 201 ? json.id : "" };
      }),
    );
    const { now, disturbed } = await settled();
    const explained = mayBeUnanswered(attempts, disturbed) && explains(before, attempts, now);
    if (!explained) throw unexplained({ attempts, now, before });
    for (const id of Object.keys(now.records)) if (!ids.includes(id)) ids.push(id);
    world = now;
  }
}

const once = (what: Draft["do"], target = 0, n = 0): Action => ({
  at: "once",
  drafts: [{ do: what, target, n }],
});
const stock: Action = { at: "stock", folder: "ext-2" };
const registered: readonly Action[] = [stock, once("register")];

/** What chance would take long to come upon. */
const RARE: [Action[], Trouble[], number][] = [
  // The place in the trash is taken by an image that had the same link.
  [
    [...registered, once("delete"), ...registered, once("delete", 1), once("undelete"), once("undelete", 1)],
    [],
    1,
  ],
];

describe("the life of records", () => {
  it(
    "is what some order of the requests makes of it, with several callers, crashes and failing stores",
    { timeout: 600_000 },
    async () => {
      const property = fc.asyncProperty(
        fc.array(action, { minLength: 1, maxLength: 25 }),
        fc.array(trouble, { maxLength: 6 }),
        fc.nat(),
        live,
      );
      const proof = fc.assert(property, { seed: 4, numRuns: RUNS, examples: RARE });
      await expect(proof).resolves.toBeUndefined();
    },
  );
});
