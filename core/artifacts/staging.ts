import { listValues } from "../collection.ts";
import { DomainError, type ErrorCode } from "../errors.ts";
import type { ArtifactInfo, WriteOptions } from "../ports/artifacts.ts";
import type { Ports } from "../ports/index.ts";
import { isLive } from "../uploads/upload-session.ts";

/** Uploads wait here, unseen by clients, until a commit gives them their name. */
const STAGING_PREFIX = "uploads/";

export const isStaged = ({ key }: Pick<ArtifactInfo, "key">): boolean => key.startsWith(STAGING_PREFIX);

/** Those in parts, apart from what is sent in one piece. */
export const PARTED_PREFIX = `${STAGING_PREFIX}parted/`;

/** What a client says of the bytes it sends; checked against what arrives. Digests are lower-case hex. */
export type UploadExpectation = NonNullable<WriteOptions["expect"]>;

interface StageOptions extends UploadExpectation {
  readonly contentType: string;
  readonly maxBytes: number;
}

/** Stores an upload under a name of its own, so that two uploads of one thing never mix. */
export async function stageUpload(
  ports: Pick<Ports, "artifacts" | "ids">,
  bucket: string,
  source: AsyncIterable<Uint8Array>,
  { contentType, maxBytes, ...expect }: StageOptions,
): Promise<ArtifactInfo> {
  const address = { bucket, key: `${STAGING_PREFIX}${ports.ids.uuid()}` };
  return await ports.artifacts.write(address, source, { contentType, maxBytes, expect });
}

export async function discardStaged(ports: Pick<Ports, "artifacts">, staged: ArtifactInfo): Promise<void> {
  await ports.artifacts.remove({ bucket: staged.bucket, key: staged.key });
}

/**
 * After a failed attempt to give it its name. Where a store was out of reach nobody can tell whether the commit that
 * counts on the upload happened: then it stays, for the journal or in the end for the sweep.
 */
export async function discardUnlessNeeded(
  ports: Pick<Ports, "artifacts">,
  staged: ArtifactInfo,
  error: unknown,
): Promise<void> {
  const decided: readonly ErrorCode[] = ["conflict", "invalid", "lost-race", "not-found"];
  if (error instanceof DomainError && decided.includes(error.code)) await discardStaged(ports, staged);
}

/** Removes uploads whose request died before its commit. Answers how many. */
export async function sweepStaging(
  ports: Pick<Ports, "artifacts" | "records">,
  bucket: string,
  olderThan: number,
): Promise<number> {
  let swept = 0;
  const awaited = await awaitedKeys(ports, bucket);
  for await (const info of ports.artifacts.list(bucket, STAGING_PREFIX)) {
    if (Date.parse(info.modified) >= olderThan || awaited.has(info.key)) continue;
    await ports.artifacts.remove(info);
    swept += 1;
  }
  return swept;
}

/**
 * What a journal still has to move, however long its store has been out of reach, and what an upload in parts has made
 * and not named yet.
 */
async function awaitedKeys({ records }: Pick<Ports, "records">, bucket: string): Promise<Set<string>> {
  const journals = await listValues(records, "object-journal");
  const moves = journals
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.do === "move" ? [step.from] : []));
  const sessions = (await listValues(records, "upload-session")).filter(isLive);
  const awaited = [...moves, ...sessions.map(({ storage }) => storage)];
  return new Set(awaited.filter((place) => place.bucket === bucket).map(({ key }) => key));
}
