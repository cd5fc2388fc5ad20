import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { ArtifactAddress, SignedMethod, SignedUrl } from "../../../core/ports/artifacts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { checkAddress, checkLifetime, checkUrlKey } from "../address.ts";
import { storeError } from "./calls.ts";
import type { S3 } from "./client.ts";
import { placeOf } from "./objects.ts";

/** S3 serves these URLs itself, and refuses one that is changed or has expired with 403. */
export async function signUrl(
  { client }: S3,
  clock: Pick<Clock, "now">,
  method: SignedMethod,
  address: ArtifactAddress,
  lifetime: number,
  metadata: Readonly<Record<string, string>> = {},
): Promise<SignedUrl> {
  checkAddress(address);
  checkUrlKey(address);
  checkLifetime(lifetime);
  const begins = Math.floor(clock.now() / 1000) * 1000;
  const command =
    method === "GET"
      ? new GetObjectCommand(placeOf(address))
      : new PutObjectCommand({ ...placeOf(address), Metadata: { ...metadata } });
  try {
    // They stay headers: not every store reads them from the URL.
    const unhoistableHeaders = new Set(
      Object.keys(metadata).map((name) => `x-amz-meta-${name.toLowerCase()}`),
    );
    const options = { expiresIn: lifetime, signingDate: new Date(begins), unhoistableHeaders };
    const url = await getSignedUrl(client, command, options);
    return { method, url, expires_at: new Date(begins + lifetime * 1000).toISOString() };
  } catch (error) {
    throw storeError(error);
  }
}
