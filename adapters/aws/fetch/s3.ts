// In place of @aws-sdk/client-s3 where its size is too much: the same names, by fetch.
import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { buffer } from "node:stream/consumers";
import { DomainError } from "../../../core/errors.ts";
import { AwsError, type FetchClientOptions, fetched, openAwsClient } from "./client.ts";
import { type Input, md5Of, type Operation, OPERATIONS, TOLD } from "./s3-operations.ts";
import { parseXml, textOf } from "./xml.ts";

const command = (operation: Operation) =>
  class {
    readonly operation = operation;
    readonly input: Input;
    /** Nothing of a body is signed here anyway. */
    readonly middlewareStack = { add: (): void => undefined };

    constructor(input: Input) {
      this.input = input;
    }
  };
export type Command = InstanceType<ReturnType<typeof command>>;

export const HeadObjectCommand = command(OPERATIONS.HeadObject);
export const GetObjectCommand = command(OPERATIONS.GetObject);
export const PutObjectCommand = command(OPERATIONS.PutObject);
export const DeleteObjectCommand = command(OPERATIONS.DeleteObject);
export const CopyObjectCommand = command(OPERATIONS.CopyObject);
export const GetObjectTaggingCommand = command(OPERATIONS.GetObjectTagging);
export const PutObjectTaggingCommand = command(OPERATIONS.PutObjectTagging);
export const CreateMultipartUploadCommand = command(OPERATIONS.CreateMultipartUpload);
export const UploadPartCommand = command(OPERATIONS.UploadPart);
export const UploadPartCopyCommand = command(OPERATIONS.UploadPartCopy);
export const CompleteMultipartUploadCommand = command(OPERATIONS.CompleteMultipartUpload);
export const AbortMultipartUploadCommand = command(OPERATIONS.AbortMultipartUpload);
export const HeadBucketCommand = command(OPERATIONS.HeadBucket);
export const CreateBucketCommand = command(OPERATIONS.CreateBucket);
export const ListPartsCommand = command(OPERATIONS.ListParts);
export const ListMultipartUploadsCommand = command(OPERATIONS.ListMultipartUploads);
export const ListObjectsV2Command = command(OPERATIONS.ListObjectsV2);

interface S3Options extends FetchClientOptions {
  readonly forcePathStyle?: boolean;
}

export class S3Client {
  readonly options: S3Options;
  readonly aws;

  constructor(options: S3Options) {
    this.options = options;
    this.aws = openAwsClient(options, "s3");
  }

  async send(
    { operation, input }: Command,
    { abortSignal }: { abortSignal?: AbortSignal } = {},
  ): Promise<object> {
    const { url, headers } = requestOf(this.options, operation, input);
    const body = bodyOf(operation, input, headers);
    const sending = this.aws.fetch(url, {
      method: operation.method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: abortSignal ?? null,
    });
    const response = await fetched(sending, abortSignal);
    if (!response.ok) throw await failureOf(operation, response);
    return { ...headersOf(response), ...(await contentOf(operation, response)) };
  }

  destroy(): void {
    // There is no connection that is kept here.
  }
}

/** Address and headers of a command's request, without its signature. */
export function requestOf(options: S3Options, operation: Operation, input: Input) {
  const url = addressOf(options, String(input["Bucket"]), input["Key"]);
  const headers = new Headers();
  const { query = {}, parameters = {}, headers: named = {} } = operation;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  for (const [name, value] of given(parameters, input)) url.searchParams.set(name, value);
  for (const [name, value] of given(named, input)) headers.set(name, value);
  for (const [name, value] of Object.entries(input["Metadata"] ?? {}))
    headers.set(`x-amz-meta-${name}`, String(value));
  return { url, headers };
}

const textOfMember = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? `${value}` : "";

/** The members that an input has, by their names in a request. */
const given = (names: Readonly<Record<string, string>>, input: Input): [string, string][] =>
  Object.entries(names).flatMap(([member, name]) =>
    input[member] === undefined ? [] : [[name, textOfMember(input[member])]],
  );

function addressOf({ region, endpoint, forcePathStyle }: S3Options, bucket: string, key: unknown): URL {
  const base = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  // A certificate of AWS's is for one label before its name.
  const isInPath = forcePathStyle === true || bucket.includes(".");
  if (!isInPath) base.hostname = `${bucket}.${base.hostname}`;
  const segments = typeof key === "string" ? key.split("/") : [];
  if (segments.some((segment) => segment === "." || segment === ".."))
    throw new DomainError("invalid", "A Worker cannot ask for an object with such a name.");
  const path = [...(isInPath ? [bucket] : []), ...segments.map(encoded)].join("/");
  base.pathname = `${base.pathname.replace(/\/$/u, "")}/${path}`;
  return base;
}

const encoded = (segment: string): string =>
  encodeURIComponent(segment).replaceAll(
    /[!'()*]/gu,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function bodyOf(
  { xml }: Operation,
  input: Input,
  headers: Headers,
): string | Uint8Array<ArrayBuffer> | undefined {
  if (xml !== undefined) {
    const text = xml(input);
    headers.set("content-type", "application/xml");
    headers.set("content-md5", md5Of(text));
    return text;
  }
  const { Body } = input;
  return Body instanceof Uint8Array ? Uint8Array.from(Body) : undefined;
}

async function failureOf(operation: Operation, response: Response): Promise<AwsError> {
  const { status } = response;
  // An answer to HEAD has no words.
  if (operation.method === "HEAD")
    return new AwsError(status === 404 ? "NotFound" : String(status), "", status);
  const text = await response.text();
  if (text === "") return new AwsError(String(status), "", status);
  const root = parseXml(text);
  return new AwsError(textOf(root, "Code") ?? String(status), textOf(root, "Message") ?? "", status);
}

async function contentOf(operation: Operation, response: Response): Promise<object> {
  if (operation.streams === true) return { Body: streamOf(response) };
  const text = await fetched(
    response.text().then((body) => new Response(body)),
    undefined,
  );
  const xml = await text.text();
  if (operation.answer === undefined) return {};
  const root = parseXml(xml);
  // What takes S3 long has its status before its outcome.
  if (root.name === "Error") throw new AwsError(textOf(root, "Code") ?? "InternalError", xml, 500);
  return operation.answer(root);
}

function streamOf({ body }: Response) {
  const stream = isNodeStream(body) ? Readable.fromWeb(body) : Readable.from([]);
  return Object.assign(stream, {
    transformToByteArray: async () => new Uint8Array(await buffer(stream)),
  });
}

/** The same thing at run time; its two descriptions differ. */
function isNodeStream(body: unknown): body is NodeStream<Uint8Array> {
  return body !== null && body !== undefined;
}

function headersOf({ headers }: Response): object {
  const text = (name: string) => headers.get(name) ?? undefined;
  const length = text("content-length");
  const modified = text("last-modified");
  return {
    ETag: text("etag"),
    ContentType: text("content-type"),
    ContentRange: text("content-range"),
    ...(length === undefined ? {} : { ContentLength: Number(length) }),
    ...(modified === undefined ? {} : { LastModified: new Date(modified) }),
    Metadata: Object.fromEntries(
      [...headers].flatMap(([name, value]) =>
        name.startsWith("x-amz-meta-") ? [[name.slice("x-amz-meta-".length), value]] : [],
      ),
    ),
    ...Object.fromEntries(
      Object.entries(TOLD).flatMap(([member, name]) => (headers.has(name) ? [[member, text(name)]] : [])),
    ),
    ...partsCount(text("x-amz-mp-parts-count")),
    ChecksumAlgorithm: text("x-amz-checksum-algorithm"),
    ChecksumType: text("x-amz-checksum-type"),
    ChecksumCRC32: text("x-amz-checksum-crc32"),
    ChecksumCRC32C: text("x-amz-checksum-crc32c"),
    ChecksumCRC64NVME: text("x-amz-checksum-crc64nvme"),
    ChecksumSHA1: text("x-amz-checksum-sha1"),
    ChecksumSHA256: text("x-amz-checksum-sha256"),
  };
}

const partsCount = (text: string | undefined): object =>
  text === undefined ? {} : { PartsCount: Number(text) };
