import { getStored, listValues } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { DomainError, notFound } from "../errors.ts";
import type { UploadedArtifact } from "../images/place-artifact.ts";
import { ARTIFACT_NAMES, type ArtifactName } from "../images/uploaded-parts.ts";
import type { Stored } from "../ports/records.ts";
import type { PartedUpload, SignedPart, StoredPart } from "../ports/upload-sessions.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import { completeUpload, largestOf, over, replaced } from "./complete-upload.ts";
import { discardUpload } from "./end-upload.ts";
import { openUpload } from "./open-upload.ts";
import { known, type Said } from "./said.ts";
import { after, isLive, partedUpload, takesParts, type UploadSession } from "./upload-session.ts";

/** What an upload is for. */
export type NewTarget =
  | { readonly recipe: string }
  | { readonly image: string; readonly artifact: ArtifactName };

export interface NewUpload extends Said {
  readonly target: NewTarget;
  readonly part_size?: number | undefined;
}

/** A session as clients see it. */
export interface UploadView extends Omit<UploadSession, "target" | "storage" | "result" | "refusal"> {
  readonly target: NewTarget;
  /** Why it was given up at its completion. */
  readonly reason?: string;
}

/** Uploads of large files in parts, which go on after a crash or a break of either side. */
export interface Uploads {
  /** @throws `invalid` when there is no such recipe or image; `too-large` */
  open(upload: NewUpload): Promise<UploadView>;
  list(): Promise<UploadView[]>;
  get(id: string): Promise<UploadView>;
  /** @throws `conflict` when it takes no parts any more; `invalid` for numbers that it cannot have */
  signParts(id: string, numbers: readonly number[]): Promise<readonly SignedPart[]>;
  /** Those that are there; none of one that has ended. */
  parts(id: string): Promise<readonly StoredPart[]>;
  /** What the PUT of the archive or artifact answers, and refuses for the same reasons. Safe to repeat. */
  complete(id: string, said: Said): Promise<Recipe | UploadedArtifact>;
  /** Safe to repeat. @throws `conflict` when it was completed */
  abort(id: string): Promise<void>;
  /** For whoever receives parts. @throws `not-found`, `conflict` when it takes none any more */
  receiving(id: string): Promise<PartedUpload>;
}

export function createUploads(ports: CorePorts, settings: Settings): Uploads {
  const { records, clock } = ports;
  const find = async (id: string) => forPeople(await getStored(records, "upload-session", id));

  return {
    async open({ target, part_size: partBytes, ...said }) {
      await requireTarget(ports, target);
      const id = ports.ids.uuid();
      const order = { id, target: storedTarget(target), partBytes, ...said };
      return viewOf(await openUpload(ports, settings, order));
    },
    list: async () =>
      (await listValues(records, "upload-session")).flatMap((session) =>
        session.target.of === "job" ? [] : [viewOf(session)],
      ),
    get: async (id) => viewOf((await find(id)).value),
    signParts: async (id, numbers) => await signParts(ports, settings, (await find(id)).value, numbers),
    parts: async (id) => await partsOf(ports, (await find(id)).value),
    async complete(id, said) {
      const result = await completeUpload(ports, settings, () => find(id), { said });
      if (result.of === "job") throw notFound();
      return result.of === "recipe" ? result.recipe : uploadedArtifact(result.artifact);
    },
    abort: async (id) =>
      await reapply(ports, async () => {
        const stored = await find(id);
        const aborted = after(stored.value, { do: "abort" }, clock.now());
        if (stored.value.state === "completed") throw over(stored.value);
        if (aborted === undefined) return;
        await records.commit([replaced(stored, aborted)]);
        await discardUpload(ports, aborted, "object too");
      }),
    async receiving(id) {
      const { value } = await getStored(records, "upload-session", id);
      if (!takesParts(value, clock.now())) throw over(value);
      return partedUpload(value);
    },
  };
}

/** URLs for these parts; none outlives the session. */
export async function signParts(
  ports: CorePorts,
  settings: Settings,
  session: UploadSession,
  numbers: readonly number[],
): Promise<readonly SignedPart[]> {
  const now = ports.clock.now();
  const left = Math.floor((Date.parse(session.expires_at) - now) / 1000);
  if (!takesParts(session, now) || left < 1) throw over(session);
  const { size = largestOf(settings, session), part_size } = session;
  const most = Math.max(1, Math.ceil(size / part_size));
  const beyond = numbers.find((number) => number > most);
  if (beyond !== undefined)
    throw new DomainError("invalid", `There is no part ${beyond}: this upload has at most ${most}.`);
  const lifetime = Math.min(left, settings.uploads.partUrlSeconds);
  return await ports.uploads.signParts(partedUpload(session), numbers, lifetime);
}

export async function partsOf(ports: CorePorts, session: UploadSession): Promise<readonly StoredPart[]> {
  if (!isLive(session)) return [];
  return (await ports.uploads.parts(partedUpload(session))) ?? [];
}

/** Those of agents are none of people's business. */
function forPeople(stored: Stored<"upload-session">): Stored<"upload-session"> {
  if (stored.value.target.of === "job") throw notFound();
  return stored;
}

async function requireTarget({ records }: CorePorts, target: NewTarget): Promise<void> {
  const [kind, id] =
    "recipe" in target ? (["recipe", target.recipe] as const) : (["image", target.image] as const);
  if ((await records.get(kind, id)) !== undefined) return;
  throw new DomainError("invalid", `There is no ${kind} ${id}.`, {
    fields: { target: { [kind]: ["There is no such record."] } },
  });
}

function storedTarget(target: NewTarget): UploadSession["target"] {
  return "recipe" in target ? { of: "recipe", ...target } : { of: "image", ...target };
}

function viewOf({ storage: _storage, result: _result, refusal, target, ...rest }: UploadSession): UploadView {
  return {
    ...rest,
    target: newTarget(target),
    ...(refusal === undefined ? {} : { reason: refusal.message }),
  };
}

function newTarget(target: UploadSession["target"]): NewTarget {
  if (target.of === "recipe") return { recipe: target.recipe };
  const artifact =
    target.of === "image" ? ARTIFACT_NAMES.find((name) => name === target.artifact) : undefined;
  if (target.of === "job" || artifact === undefined) throw notFound();
  return { image: target.image, artifact };
}

function uploadedArtifact({ type, size, link, ...digests }: UploadedResult): UploadedArtifact {
  return { type, size, link, ...known(digests) };
}

type UploadedResult = Extract<NonNullable<UploadSession["result"]>, { of: "image" }>["artifact"];
