import { isDeepStrictEqual } from "node:util";

const PARTS = ["rootfs", "kernel"] as const;
export type Part = (typeof PARTS)[number];
type Kind = "images" | "recipes" | "public-keys";

/** What the model knows of a record. */
export interface RecordState {
  readonly kind: Kind;
  readonly side: "live" | "trash";
  readonly arch: string;
  readonly linked: boolean;
  /** Where its objects lie in their bucket, without `deleted/`. */
  readonly folder: string;
  /** Text of each object but the manifest. */
  readonly objects: Readonly<Record<string, string>>;
}

/** Records by id, and objects that were put into the bucket by somebody else, by folder. */
export interface World {
  readonly records: Readonly<Record<string, RecordState>>;
  readonly loose: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export type Command =
  | { readonly do: "create"; readonly kind: Kind }
  | { readonly do: "register"; readonly folder: string }
  | { readonly do: "patch"; readonly id: string; readonly arch: string }
  | { readonly do: "delete" | "undelete" | "purge"; readonly id: string }
  | { readonly do: "link"; readonly id: string }
  | { readonly do: "destroy"; readonly id: string; readonly cascade: boolean }
  | { readonly do: "upload"; readonly id: string; readonly part: Part; readonly text: string }
  | { readonly do: "archive"; readonly id: string; readonly text: string };

export type WholeCollection = {
  readonly do: "delete-all" | "undelete-all" | "purge-all" | "destroy-all";
  readonly kind: Kind;
};

interface Outcome {
  readonly world: World;
  readonly status: number;
}

/** The next world, and the status that is answered. A record that is made has the id that is given. */
export function step(world: World, command: Command, newId: string): Outcome {
  if (command.do === "create")
    return { world: withRecord(world, newId, fresh(command.kind, newId)), status: 201 };
  if (command.do === "register") return register(world, command.folder, newId);
  const record = world.records[command.id];
  if (command.do === "patch" && record?.kind === "public-keys") return { world, status: 405 };
  const side = command.do === "undelete" || command.do === "purge" ? "trash" : "live";
  return record?.side === side ? stepOf(world, command, record) : { world, status: 404 };
}

type OfRecord = Exclude<Command, { readonly do: "create" | "register" }>;

function stepOf(world: World, command: OfRecord, record: RecordState): Outcome {
  const { id } = command;
  switch (command.do) {
    case "patch":
      return changed(world, id, { ...record, arch: command.arch }, 200);
    case "purge":
      return gone(world, id);
    case "destroy":
      return destroyed(world, id, record, command.cascade);
    case "link":
      return link(world, id, record);
    case "upload":
      return upload(world, id, record, command.part, command.text);
    case "archive":
      return upload(world, id, record, "recipe.tar.gz", command.text);
    case "delete":
    case "undelete":
      return toSide(world, id, record, command.do === "delete" ? "trash" : "live");
  }
}

function fresh(kind: Kind, id: string): RecordState {
  const folder = kind === "recipes" ? `recipes/${id}` : id;
  return { kind, side: "live", arch: "x86_64", linked: false, folder, objects: {} };
}

function register(world: World, folder: string, id: string) {
  const objects = world.loose[folder];
  if (objects === undefined) return { world, status: 422 };
  const { [folder]: _taken, ...loose } = world.loose;
  const record: RecordState = { ...fresh("images", id), linked: true, folder, objects };
  return { world: withRecord({ ...world, loose }, id, record), status: 201 };
}

function withRecord(world: World, id: string, record: RecordState): World {
  return { ...world, records: { ...world.records, [id]: record } };
}

const changed = (world: World, id: string, record: RecordState, status: number) => ({
  world: withRecord(world, id, record),
  status,
});

function gone(world: World, id: string) {
  const { [id]: _gone, ...records } = world.records;
  return { world: { ...world, records }, status: 204 };
}

/** Nothing is overwritten: neither what lies in the trash already, nor what took its place among the living. */
function toSide(world: World, id: string, record: RecordState, side: RecordState["side"]) {
  const inTheWay = Object.values(world.records).some(
    (other) => other !== record && other.side === side && other.folder === record.folder,
  );
  const looseInTheWay = side === "live" && world.loose[record.folder] !== undefined;
  if (inTheWay || looseInTheWay) return { world, status: 422 };
  return changed(world, id, { ...record, side }, 204);
}

function destroyed(world: World, id: string, record: RecordState, cascade: boolean) {
  const { world: without, status } = gone(world, id);
  if (cascade || Object.keys(record.objects).length === 0) return { world: without, status };
  return { world: { ...without, loose: { ...without.loose, [record.folder]: record.objects } }, status };
}

function link(world: World, id: string, record: RecordState) {
  if (record.kind !== "images") return { world, status: 404 };
  if (record.linked) return { world, status: 200 };
  if (record.objects["rootfs"] === undefined) return { world, status: 422 };
  return changed(world, id, { ...record, linked: true }, 200);
}

function upload(world: World, id: string, record: RecordState, name: string, text: string) {
  if (record.kind !== (name === "recipe.tar.gz" ? "recipes" : "images")) return { world, status: 404 };
  if (record.linked) return { world, status: record.objects[name] === text ? 200 : 409 };
  const linked = record.kind === "recipes";
  return changed(world, id, { ...record, linked, objects: { ...record.objects, [name]: text } }, 200);
}

/** The same for every record of a kind; records that cannot follow stay. */
export function stepAll(world: World, command: WholeCollection): World {
  const one = { "delete-all": "delete", "undelete-all": "undelete", "purge-all": "purge" } as const;
  return Object.entries(world.records).reduce((now, [id, { kind }]) => {
    if (kind !== command.kind) return now;
    const single: Command =
      command.do === "destroy-all" ? { do: "destroy", id, cascade: true } : { do: one[command.do], id };
    return step(now, single, "").world;
  }, world);
}

/** A command, and what was answered: `undefined` when nobody knows whether it was carried out. */
export interface Attempt {
  readonly command: Command;
  readonly status: number | undefined;
  /** Of a record that was made. */
  readonly newId: string;
}

/**
 * Whether some order of the attempts, of which those without an answer may be missing, leads from one world to the
 * other with the very answers that were given.
 */
export function explains(from: World, attempts: readonly Attempt[], to: World): boolean {
  const unanswered = attempts.every(({ status }) => status === undefined);
  if (unanswered && isDeepStrictEqual(from, to)) return true;
  return attempts.some((attempt, n) =>
    possibleIds(attempt, from, to).some((newId) => {
      const { world, status } = step(from, attempt.command, newId);
      if (attempt.status !== undefined && attempt.status !== status) return false;
      return explains(world, attempts.toSpliced(n, 1), to);
    }),
  );
}

/** Of a record whose creation was not answered, any that is new. */
function possibleIds({ command, status, newId }: Attempt, from: World, to: World): string[] {
  if (status !== undefined || (command.do !== "create" && command.do !== "register")) return [newId];
  return Object.keys(to.records).filter((id) => from.records[id] === undefined);
}

/** The same for an operation on a whole collection that was cut short: each record has followed it or not. */
export function explainsPartly(from: World, command: WholeCollection, to: World): boolean {
  const whole = stepAll(from, command);
  const ids = new Set([...Object.keys(from.records), ...Object.keys(to.records)]);
  return [...ids].every((id) =>
    [from, whole].some(({ records }) => isDeepStrictEqual(records[id], to.records[id])),
  );
}
