// In place of @aws-sdk/s3-request-presigner where its size is too much.
import { type Command, requestOf, type S3Client } from "./s3.ts";

interface SigningOptions {
  /** Seconds. */
  readonly expiresIn: number;
  readonly signingDate: Date;
}

/** A URL that lets its bearer send this command until it expires, with the headers that the command has. */
export async function getSignedUrl(
  { aws, options }: S3Client,
  { operation, input }: Command,
  { expiresIn, signingDate }: SigningOptions,
): Promise<string> {
  const { url, headers } = requestOf(options, operation, input);
  url.searchParams.set("X-Amz-Expires", String(expiresIn));
  const datetime = signingDate.toISOString().replaceAll(/[:-]|\.\d{3}/gu, "");
  const signed = await aws.sign(url, {
    method: operation.method,
    headers,
    aws: { signQuery: true, datetime, allHeaders: true },
  });
  return signed.url;
}
