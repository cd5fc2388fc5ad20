import { createHash, randomBytes } from "node:crypto";
import type { Json } from "./json.ts";
import type { ServiceProcess } from "./service-process.ts";

/** One process of a service, or several. */
export type Asked = Pick<ServiceProcess, "fetch">;

const KINDS = ["images", "recipes", "public-keys"] as const;
type Kind = (typeof KINDS)[number];
const PARTS = ["rootfs", "kernel", "initrd"] as const;

/** What a caller knows of a record of its own. */
export interface Known {
  readonly id: string;
  readonly kind: Kind;
  readonly name: string;
  readonly side: "live" | "trash" | "gone";
  readonly arch?: string;
  readonly linked: boolean;
  /** sha256 of what was uploaded, by the part's name. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface Caller {
  /** What was acknowledged, by id; with an operation whose answer never came, also what it would have led to. */
  readonly allowed: Map<string, readonly Known[]>;
  /** Names of records whose creation was not answered. */
  readonly unanswered: Map<string, Kind>;
  acknowledged: number;
}

const BODIES: Readonly<Record<Kind, object>> = {
  images: {},
  recipes: { recipe_type: "kiwi-ng", linux_distribution: "sles15" },
  "public-keys": { public_key: "ssh-ed25519 A" },
};

const json = (body: object) => ({
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});
const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(Math.random() * all.length)];

export const createCaller = (): Caller => ({ allowed: new Map(), unanswered: new Map(), acknowledged: 0 });

/** Thrown when the service answers something that it must not. */
class Wrong extends Error {}

/** Works through a service until it is gone; throws when it answers otherwise than it should. */
export async function callUntilGone(service: Asked, caller: Caller, name: string): Promise<void> {
  for (let n = 0; ; n += 1)
    try {
      const mine = [...caller.allowed.values()].flatMap(([known]) =>
        known === undefined || known.side === "gone" ? [] : [known],
      );
      const record = mine.length < 3 || Math.random() < 0.2 ? undefined : pick(mine);
      if (record === undefined) await create(service, caller, `${name}-${n}`);
      else await change(service, caller, record);
    } catch (error) {
      if (error instanceof Wrong || !(error instanceof TypeError)) throw error;
      return; // the connection broke
    }
}

async function create(service: Asked, caller: Caller, name: string): Promise<void> {
  const kind = pick(KINDS) ?? "images";
  caller.unanswered.set(name, kind);
  const answer = await service.fetch(`/v3/${kind}`, { method: "POST", ...json({ ...BODIES[kind], name }) });
  const { id, arch }: Json = await bodyOf(answer);
  caller.unanswered.delete(name);
  caller.allowed.set(id, [{ id, kind, name, side: "live", arch, linked: false, parts: {} }]);
  caller.acknowledged += 1;
}

async function bodyOf(answer: Response): Promise<Json> {
  const text = await answer.text();
  if (!answer.ok) throw new Wrong(`${answer.url} answered ${answer.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** One request about a record, and what is true of it once it is carried out. */
interface Operation {
  readonly path: string;
  readonly init: RequestInit;
  readonly leadsTo: Known;
}

async function change(service: Asked, caller: Caller, known: Known): Promise<void> {
  const operation = pick(operationsOn(known));
  if (operation === undefined) return;
  caller.allowed.set(known.id, [known, operation.leadsTo]);
  await bodyOf(await service.fetch(operation.path, operation.init));
  caller.allowed.set(known.id, [operation.leadsTo]);
  caller.acknowledged += 1;
}

function operationsOn(known: Known): Operation[] {
  const { id, kind } = known;
  if (known.side === "trash")
    return [
      {
        path: `/v3/deleted/${kind}/${id}`,
        init: { method: "PATCH", ...json({ operation: "undelete" }) },
        leadsTo: { ...known, side: "live" },
      },
      {
        path: `/v3/deleted/${kind}/${id}`,
        init: { method: "DELETE" },
        leadsTo: { ...known, side: "gone" },
      },
    ];
  return [
    { path: `/v3/${kind}/${id}`, init: { method: "DELETE" }, leadsTo: { ...known, side: "trash" } },
    { path: `/${kind}/${id}`, init: { method: "DELETE" }, leadsTo: { ...known, side: "gone" } },
    ...archChange(known),
    ...uploads(known),
  ];
}

function archChange(known: Known): Operation[] {
  if (known.kind === "public-keys") return [];
  const arch = known.arch === "x86_64" ? "aarch64" : "x86_64";
  return [
    {
      path: `/v3/${known.kind}/${known.id}`,
      init: { method: "PATCH", ...json({ arch }) },
      leadsTo: { ...known, arch },
    },
  ];
}

/** Twice each, so that there are more of them. */
function uploads(known: Known): Operation[] {
  if (known.linked || known.kind === "public-keys") return [];
  const bytes = randomBytes(Math.floor(Math.random() ** 3 * 3_000_000));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const put = { method: "PUT", body: bytes };
  if (known.kind === "recipes") {
    const leadsTo = { ...known, linked: true, parts: { archive: sha256 } };
    return [{ path: `/v3/recipes/${known.id}/archive`, init: put, leadsTo }];
  }
  const part = pick(PARTS) ?? "rootfs";
  const upload = {
    path: `/v3/images/${known.id}/artifacts/${part}`,
    init: put,
    leadsTo: { ...known, parts: { ...known.parts, [part]: sha256 } },
  };
  const link = {
    path: `/v3/images/${known.id}/manifest`,
    init: { method: "POST" },
    leadsTo: { ...known, linked: true },
  };
  return [upload, upload, ...(known.parts["rootfs"] === undefined ? [] : [link, link])];
}

/** What the service says of all records now, in the same words, by id. */
export async function observed(service: Asked): Promise<Map<string, Known>> {
  const all = new Map<string, Known>();
  for (const kind of KINDS)
    for (const side of ["live", "trash"] as const) {
      const path = side === "live" ? `/v3/${kind}` : `/v3/deleted/${kind}`;
      for (const { id, name, arch, link } of await bodyOf(await service.fetch(path))) {
        if (all.has(id)) throw new Wrong(`${kind} ${id} is live and in the trash`);
        const linked = link !== null && link !== undefined;
        const parts = side === "live" ? await partsOf(service, kind, id, linked) : {};
        all.set(id, { id, kind, name, side, arch, linked, parts });
      }
    }
  return all;
}

/** Digests of the very bytes that are handed out. */
async function partsOf(
  service: Asked,
  kind: Kind,
  id: string,
  linked: boolean,
): Promise<Record<string, string>> {
  const parts: Record<string, string> = {};
  const digest = async (path: string) => {
    const answer = await service.fetch(path);
    if (!answer.ok) throw new Wrong(`${path} answered ${answer.status}`);
    return createHash("sha256")
      .update(Buffer.from(await answer.arrayBuffer()))
      .digest("hex");
  };
  if (kind === "recipes" && linked) parts["archive"] = await digest(`/v3/recipes/${id}/archive`);
  if (kind !== "images") return parts;
  for (const { name } of await bodyOf(await service.fetch(`/v3/images/${id}/artifacts`)))
    if (name !== "manifest") parts[name] = await digest(`/v3/images/${id}/artifacts/${name}`);
  return parts;
}

/**
 * What must be true of a caller's records and is not, in words. Afterwards the caller knows what is: an operation whose
 * answer never came has happened or it has not.
 */
export function settle(caller: Caller, found: ReadonlyMap<string, Known>): string[] {
  const wrong: string[] = [];
  for (const [id, allowed] of caller.allowed) {
    const now = found.get(id);
    const match = allowed.find((known) => isSame(known, now));
    if (match === undefined)
      wrong.push(
        `${id} is ${JSON.stringify(now)}, not ${allowed.map((one) => JSON.stringify(one)).join(" or ")}`,
      );
    else if (match.side === "gone") caller.allowed.delete(id);
    else caller.allowed.set(id, [match]);
  }
  for (const known of found.values())
    if (caller.unanswered.delete(known.name)) caller.allowed.set(known.id, [known]);
  caller.unanswered.clear();
  return wrong;
}

function isSame(known: Known, now: Known | undefined): boolean {
  if (known.side === "gone" || now === undefined) return known.side === "gone" && now === undefined;
  // What lies in the trash cannot be read; the audit looks after it, and the parts are compared when it is back.
  const linked = now.side === "trash" || known.linked === now.linked;
  return known.side === now.side && known.arch === now.arch && linked && sameParts(known, now);
}

function sameParts(known: Known, now: Known): boolean {
  if (now.side === "trash") return true;
  const text = ({ parts }: Known) =>
    Object.entries(parts)
      .map(([name, sha256]) => `${name} ${sha256}`)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join();
  return text(known) === text(now);
}
