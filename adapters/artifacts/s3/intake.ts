import { type CompletedPart, UploadPartCommand } from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import * as v from "valibot";
import type { WriteOptions } from "../../../core/ports/artifacts.ts";
import { checkContent, checkSizeSoFar, type Content } from "../expectations.ts";
import type { Md5Session } from "../files/md5.ts";
import type { S3 } from "./client.ts";
import { createLanes } from "./lanes.ts";
import { abandon, type MultipartUpload, uploadOf } from "./multipart.ts";
import { fill, newBuffer, type PartBuffer } from "./part-buffers.ts";
import type { PartPlan } from "./part-plan.ts";

/** Beside these a part fills: together the memory of one upload. */
const LANES = 3;
const LANES_BYTES = 48 * 1024 * 1024;
/** What is smaller is not worth a thread. */
const THREAD_BYTES = 512 * 1024;

export interface Intake {
  readonly s3: S3;
  readonly plan: PartPlan;
  readonly openMd5: () => Md5Session;
  /** Called once there is more than one part. */
  readonly openUpload: () => Promise<MultipartUpload>;
}

/** All of a content: small enough to be sent as a whole, or in parts that are there already. */
export interface TakenIn {
  readonly content: Content;
  readonly whole?: Uint8Array;
  readonly sent?: {
    readonly upload: MultipartUpload;
    readonly parts: readonly CompletedPart[];
    /** Of the whole content, base64. */
    readonly crc32: string;
  };
}

/**
 * Reads all of the source, computing both digests: SHA-256 here, MD5 in a thread. What the source throws is thrown as it
 * is; whatever fails, no upload is left open.
 */
export async function takeIn(
  intake: Intake,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<TakenIn> {
  const { plan } = intake;
  const sha256 = createHash("sha256");
  const sender = createSender(intake);
  let [size, number] = [0, 1];
  let buffer = newBuffer(options.expect?.size ?? 0, plan(1));
  try {
    for await (const chunk of source) {
      size += chunk.length;
      checkSizeSoFar(size, options);
      sha256.update(chunk);
      for (let rest = fill(buffer, chunk, plan(number)); rest.length > 0;) {
        buffer = await sender.send(number, buffer, plan(number + 1));
        number += 1;
        rest = fill(buffer, rest, plan(number));
      }
    }
    const md5 = await sender.finish(number, buffer);
    const content = { size, md5, sha256: sha256.digest("hex") };
    checkContent(content, options);
    return { content, ...sender.result(buffer) };
  } catch (error) {
    await sender.abandon();
    throw error;
  } finally {
    sender.close();
  }
}

function createSender({ s3, openMd5, openUpload }: Intake) {
  const lanes = createLanes(LANES, LANES_BYTES);
  const ending = new AbortController();
  const free: PartBuffer[] = [];
  const parts: CompletedPart[] = [];
  let upload: MultipartUpload | undefined;
  let md5: Md5Session | undefined;
  let crc = 0;

  /** The digest's thread takes the part's memory, and gives it back before the part is sent. */
  const begin = async (number: number, part: PartBuffer, to: MultipartUpload): Promise<void> => {
    const sums = createChecksums(part, to);
    const bytes = part.bytes.subarray(0, part.used);
    crc = crc32(bytes, crc);
    const back = (md5 ??= openMd5()).update(bytes);
    part.bytes = new Uint8Array(await back);
    parts[number - 1] = await sendPart(s3, to, number, part, sums, ending.signal);
    part.used = 0;
    free.push(part);
  };

  const start = async (number: number, part: PartBuffer): Promise<void> => {
    const to = (upload ??= await openUpload());
    await lanes.start(part.used, () => begin(number, part, to));
  };

  return {
    /** Sends a full part; answers a buffer for the next, which may have so many bytes. */
    async send(number: number, full: PartBuffer, next: number): Promise<PartBuffer> {
      await start(number, full);
      return free.pop() ?? newBuffer(next, next);
    },
    /** The MD5 of all, once the last part is sent too. */
    async finish(number: number, last: PartBuffer): Promise<string> {
      if (upload !== undefined) await start(number, last);
      else if (last.used < THREAD_BYTES) return createHash("md5").update(usedOf(last)).digest("hex");
      else last.bytes = new Uint8Array(await (md5 ??= openMd5()).update(usedOf(last)));
      await lanes.finish();
      return (await md5?.digest()) ?? "";
    },
    result: (last: PartBuffer): Omit<TakenIn, "content"> =>
      upload === undefined ? { whole: usedOf(last) } : { sent: { upload, parts, crc32: base64Crc(crc) } },
    /** A part that is under way when its upload is aborted could come after it, and stay. */
    async abandon(): Promise<void> {
      ending.abort();
      await lanes.settled();
      if (upload !== undefined) await abandon(s3, upload);
    },
    close: () => md5?.close(),
  };
}

const usedOf = ({ bytes, used }: PartBuffer) => bytes.subarray(0, used);

const UNSIGNED = "UNSIGNED-PAYLOAD";
const WithHeaders = v.object({ headers: v.record(v.string(), v.string()) });

/** The signature has the checksum: the SDK's own SHA-256 of the body would take as long as all else that we do to it. */
function leaveBodyUnsigned(command: UploadPartCommand): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      if (v.is(WithHeaders, args.request)) args.request.headers["x-amz-content-sha256"] = UNSIGNED;
      return await next(args);
    },
    { step: "build", name: "leaveBodyUnsigned" },
  );
}

/** What the store checks the part against: CRC-32, and where it does not know that, MD5. */
function createChecksums(part: PartBuffer, { checksummed }: MultipartUpload) {
  const bytes = usedOf(part);
  return checksummed
    ? { ChecksumCRC32: base64Crc(crc32(bytes)) }
    : { ContentMD5: createHash("md5").update(bytes).digest("base64") };
}

function base64Crc(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

async function sendPart(
  { client, calls }: S3,
  upload: MultipartUpload,
  number: number,
  part: PartBuffer,
  sums: ReturnType<typeof createChecksums>,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const place = { ...uploadOf(upload), PartNumber: number };
  const command = new UploadPartCommand({ ...place, Body: usedOf(part), ...sums });
  if (upload.checksummed) leaveBodyUnsigned(command);
  const { ETag } = await calls((options) => client.send(command, options), { signal });
  const crc = sums.ChecksumCRC32;
  return { PartNumber: number, ETag, ...(crc === undefined ? {} : { ChecksumCRC32: crc }) };
}
