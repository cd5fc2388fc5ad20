import type { CorePorts } from "../core-ports.ts";
import { DomainError } from "../errors.ts";
import { placeArtifact } from "../images/place-artifact.ts";
import { ARTIFACT_NAMES } from "../images/uploaded-parts.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { Change, Stored } from "../ports/records.ts";
import type { AssembleOptions } from "../ports/upload-sessions.ts";
import { linkArchive } from "../recipes/link-archive.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import { discardUpload } from "./end-upload.ts";
import { checkParts, sizeOf } from "./parts.ts";
import { known, type Said } from "./said.ts";
import {
  after,
  partedUpload,
  type UploadEvent,
  type UploadResult,
  type UploadSession,
} from "./upload-session.ts";

export interface CompleteOptions {
  readonly said?: Said;
  readonly vouched?: AssembleOptions["vouched"];
}

type StoredSession = Stored<"upload-session">;

/**
 * Makes an upload's parts the object of its target. The commit that gives the object its name also ends the session, with
 * the answer: so it happens once, whoever asks how often, and who did not hear the answer gets it again.
 * @throws `invalid` while parts are missing or odd (it stays open), or for a whole that is not what was said (it is over);
 * `conflict` when the target is linked to other bytes, or the session has ended otherwise
 */
export async function completeUpload(
  ports: CorePorts,
  settings: Settings,
  find: () => Promise<StoredSession>,
  { said = {}, vouched }: CompleteOptions = {},
): Promise<UploadResult> {
  let assembled: ArtifactInfo | undefined;
  return await reapply(ports, async () => {
    const stored = await closed(ports, settings, await find(), said);
    const { result } = stored.value;
    if (result !== undefined) return await answerAgain(ports, stored.value, result, assembled);
    try {
      assembled ??= await assemble(ports, stored.value, vouched);
      return await finish(ports, settings, stored, assembled);
    } catch (error) {
      await refuse(ports, stored, error);
      throw error;
    }
  });
}

/**
 * The commit may have been faster than the object's move, and the answer may have been lost before what follows it. Who
 * made the object beside the one that completed it may have done so once more after it had got its name.
 */
async function answerAgain(
  ports: CorePorts,
  { target, storage }: UploadSession,
  result: UploadResult,
  assembled: ArtifactInfo | undefined,
): Promise<UploadResult> {
  if (target.of === "job") return result;
  await ports.journals.settle(target.of === "image" ? target.image : target.recipe);
  if (assembled !== undefined) await ports.artifacts.remove({ bucket: storage.bucket, key: storage.key });
  return result;
}

/** The session once no more parts are taken, or as it ended. */
async function closed(
  ports: CorePorts,
  settings: Settings,
  stored: StoredSession,
  said: Said,
): Promise<StoredSession> {
  const { value } = stored;
  if (value.state === "completed") return stored;
  if (value.refusal !== undefined) throw new DomainError(value.refusal.code, value.refusal.message);
  if (value.state === "completing") return stored;
  const session = agreed(value, said);
  const closing = after(session, { do: "close" }, ports.clock.now());
  if (closing === undefined) throw over(value);
  const parts = (await ports.uploads.parts(partedUpload(session))) ?? [];
  checkParts(parts, { partBytes: session.part_size, size: session.size });
  if (sizeOf(parts) > largestOf(settings, session))
    throw new DomainError("too-large", "The parts are too large together.");
  await ports.records.commit([replaced(stored, closing)]);
  return { ...stored, version: stored.version + 1, value: closing };
}

export function over({ state }: Pick<UploadSession, "state">): DomainError {
  return new DomainError(
    "conflict",
    state === "aborted" || state === "completed" || state === "completing"
      ? `This upload is ${state === "completing" ? "being completed" : state}.`
      : "This upload has expired. Open another one.",
  );
}

export function largestOf({ uploads }: Settings, { target }: Pick<UploadSession, "target">): number {
  return target.of === "recipe" ? uploads.maxArchiveBytes : uploads.maxArtifactBytes;
}

function agreed(session: UploadSession, said: Said): UploadSession {
  for (const what of ["size", "md5", "sha256"] as const)
    if (said[what] !== undefined && session[what] !== undefined && said[what] !== session[what])
      throw new DomainError("invalid", `This upload was opened for another ${what}.`);
  return { ...session, ...known(said) };
}

async function assemble(
  { uploads }: CorePorts,
  session: UploadSession,
  vouched: AssembleOptions["vouched"],
): Promise<ArtifactInfo> {
  const upload = partedUpload(session);
  const parts = await uploads.parts(upload);
  if (parts !== undefined) checkParts(parts, { partBytes: session.part_size, size: session.size });
  return await uploads.assemble(upload, parts, {
    expect: known(session),
    ...(vouched === undefined ? {} : { vouched }),
  });
}

export function replaced({ id, version }: StoredSession, value: UploadSession): Change {
  return { op: "replace", kind: "upload-session", id, version, value };
}

function happened(ports: CorePorts, stored: StoredSession, event: UploadEvent): Change {
  const value = after(stored.value, event, ports.clock.now());
  if (value === undefined) throw over(stored.value);
  return replaced(stored, value);
}

async function finish(
  ports: CorePorts,
  { buckets }: Settings,
  stored: StoredSession,
  staged: ArtifactInfo,
): Promise<UploadResult> {
  const { target } = stored.value;
  const ending = (result: UploadResult) => [happened(ports, stored, { do: "complete", result })];
  const result = await placed();
  await discardUpload(ports, stored.value);
  return result;

  async function placed(): Promise<UploadResult> {
    switch (target.of) {
      case "recipe": {
        const also = async (recipe: Parameters<typeof resultOfRecipe>[0]) => ending(resultOfRecipe(recipe));
        return resultOfRecipe(await linkArchive(ports, buckets.recipes, target.recipe, { staged, also }));
      }
      case "image": {
        const name = ARTIFACT_NAMES.find((known) => known === target.artifact);
        if (name === undefined) throw new DomainError("invalid", "An image has no such artifact.");
        const also = async (artifact: Parameters<typeof resultOfImage>[0]) => ending(resultOfImage(artifact));
        return resultOfImage(
          await placeArtifact(ports, buckets.images, target.image, name, { staged, also }),
        );
      }
      case "job": {
        const { size, md5 = "", sha256 = "" } = staged;
        const done = { of: "job", size, md5, sha256 } as const;
        await ports.records.commit(ending(done));
        return done;
      }
    }
  }
}

const resultOfRecipe = (recipe: Extract<UploadResult, { of: "recipe" }>["recipe"]): UploadResult => ({
  of: "recipe",
  recipe,
});
const resultOfImage = (artifact: Extract<UploadResult, { of: "image" }>["artifact"]): UploadResult => ({
  of: "image",
  artifact,
});

/**
 * A refusal that would be the same again ends the session and is told again to who asks again. Anything else leaves it to
 * be completed later.
 */
async function refuse(ports: CorePorts, stored: StoredSession, error: unknown): Promise<void> {
  if (!(error instanceof DomainError)) return;
  const { code, message } = error;
  if (code !== "conflict" && code !== "invalid" && code !== "not-found") return;
  const now = (await ports.records.get("upload-session", stored.id))?.version;
  // Another caller, or an abort, was faster: the session itself tells, at the next look.
  if (now !== stored.version) throw new DomainError("lost-race", message, { cause: error });
  await ports.records.commit([happened(ports, stored, { do: "refuse", refusal: { code, message } })]);
  await discardUpload(ports, stored.value, "object too");
}
