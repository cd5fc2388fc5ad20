import { createHash } from "node:crypto";
import { allOf, type Element, escapeXml, textOf } from "./xml.ts";

/** An input of the SDK's: members by the SDK's names. */
export type Input = Readonly<Record<string, unknown>>;

/** How a command becomes a request, and its answer what the SDK says. */
export interface Operation {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Parameters that are always there. */
  readonly query?: Readonly<Record<string, string>>;
  /** Members that are parameters, and those that are headers, by their names there. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of an input that has none of its own. */
  readonly xml?: (input: Input) => string;
  /** What an answer in XML has; the headers are told in any case. */
  readonly answer?: (root: Element) => object;
  /** The answer's body is the object's. */
  readonly streams?: boolean;
}

/** What is told of an object, and kept when it is copied. */
export const TOLD = {
  CacheControl: "cache-control",
  ContentDisposition: "content-disposition",
  ContentEncoding: "content-encoding",
  ContentLanguage: "content-language",
  StorageClass: "x-amz-storage-class",
};
const CONTENT = {
  ...TOLD,
  ContentType: "content-type",
  ContentMD5: "content-md5",
  IfMatch: "if-match",
  IfNoneMatch: "if-none-match",
  ChecksumAlgorithm: "x-amz-checksum-algorithm",
  ChecksumType: "x-amz-checksum-type",
  ChecksumCRC32: "x-amz-checksum-crc32",
};
const COPY = {
  CopySource: "x-amz-copy-source",
  CopySourceIfMatch: "x-amz-copy-source-if-match",
  CopySourceRange: "x-amz-copy-source-range",
  MetadataDirective: "x-amz-metadata-directive",
  TaggingDirective: "x-amz-tagging-directive",
};
const READ = { Range: "range", IfMatch: "if-match", ChecksumMode: "x-amz-checksum-mode" };
const PART = { PartNumber: "partNumber", UploadId: "uploadId" };

const numberOf = (element: Element, name: string): number | undefined => {
  const text = textOf(element, name);
  return text === undefined ? undefined : Number(text);
};
const isTrue = (element: Element, name: string): boolean => textOf(element, name) === "true";

export const OPERATIONS = {
  HeadObject: { method: "HEAD", headers: READ, parameters: { PartNumber: "partNumber" } },
  GetObject: { method: "GET", headers: READ, streams: true },
  PutObject: { method: "PUT", headers: { ...CONTENT, Tagging: "x-amz-tagging" } },
  DeleteObject: { method: "DELETE" },
  CopyObject: { method: "PUT", headers: COPY, answer: (root) => ({ CopyObjectResult: partOf(root) }) },
  GetObjectTagging: { method: "GET", query: { tagging: "" }, answer: tagsOf },
  PutObjectTagging: { method: "PUT", query: { tagging: "" }, xml: tagging },
  CreateMultipartUpload: {
    method: "POST",
    query: { uploads: "" },
    headers: { ...CONTENT, Tagging: "x-amz-tagging" },
    answer: (root) => ({ UploadId: textOf(root, "UploadId") }),
  },
  UploadPart: { method: "PUT", parameters: PART, headers: CONTENT },
  UploadPartCopy: {
    method: "PUT",
    parameters: PART,
    headers: COPY,
    answer: (root) => ({ CopyPartResult: partOf(root) }),
  },
  CompleteMultipartUpload: {
    method: "POST",
    parameters: { UploadId: "uploadId" },
    headers: { ...CONTENT, MpuObjectSize: "x-amz-mp-object-size" },
    xml: completion,
    answer: (root) => ({ ETag: textOf(root, "ETag") }),
  },
  AbortMultipartUpload: { method: "DELETE", parameters: { UploadId: "uploadId" } },
  HeadBucket: { method: "HEAD" },
  CreateBucket: { method: "PUT" },
  ListParts: {
    method: "GET",
    parameters: { UploadId: "uploadId", PartNumberMarker: "part-number-marker" },
    answer: (root) => ({
      IsTruncated: isTrue(root, "IsTruncated"),
      NextPartNumberMarker: textOf(root, "NextPartNumberMarker"),
      Parts: allOf(root, "Part").map((part) => ({
        PartNumber: numberOf(part, "PartNumber"),
        Size: numberOf(part, "Size"),
        ETag: textOf(part, "ETag"),
      })),
    }),
  },
  ListMultipartUploads: {
    method: "GET",
    query: { uploads: "" },
    parameters: {
      Prefix: "prefix",
      EncodingType: "encoding-type",
      KeyMarker: "key-marker",
      UploadIdMarker: "upload-id-marker",
    },
    answer: (root) => ({
      IsTruncated: isTrue(root, "IsTruncated"),
      EncodingType: textOf(root, "EncodingType"),
      NextKeyMarker: textOf(root, "NextKeyMarker"),
      NextUploadIdMarker: textOf(root, "NextUploadIdMarker"),
      Uploads: allOf(root, "Upload").map((upload) => ({
        Key: textOf(upload, "Key"),
        UploadId: textOf(upload, "UploadId"),
        Initiated: new Date(textOf(upload, "Initiated") ?? ""),
      })),
    }),
  },
  ListObjectsV2: {
    method: "GET",
    query: { "list-type": "2" },
    parameters: {
      Prefix: "prefix",
      Delimiter: "delimiter",
      EncodingType: "encoding-type",
      ContinuationToken: "continuation-token",
    },
    answer: (root) => ({
      IsTruncated: isTrue(root, "IsTruncated"),
      EncodingType: textOf(root, "EncodingType"),
      NextContinuationToken: textOf(root, "NextContinuationToken"),
      Contents: allOf(root, "Contents").map((object) => ({
        Key: textOf(object, "Key"),
        Size: numberOf(object, "Size"),
        ETag: textOf(object, "ETag"),
      })),
      CommonPrefixes: allOf(root, "CommonPrefixes").map((prefix) => ({ Prefix: textOf(prefix, "Prefix") })),
    }),
  },
} satisfies Readonly<Record<string, Operation>>;

function partOf(root: Element) {
  return { ETag: textOf(root, "ETag"), ChecksumCRC32: textOf(root, "ChecksumCRC32") };
}

function tagsOf(root: Element) {
  const set = root.children.find(({ name }) => name === "TagSet");
  const tags = set === undefined ? [] : allOf(set, "Tag");
  return { TagSet: tags.map((tag) => ({ Key: textOf(tag, "Key"), Value: textOf(tag, "Value") })) };
}

interface Tag {
  readonly Key?: string;
  readonly Value?: string;
}

function tagging(input: Input): string {
  const tags = listIn(input["Tagging"], "TagSet").map(
    ({ Key = "", Value = "" }: Tag) =>
      `<Tag><Key>${escapeXml(Key)}</Key><Value>${escapeXml(Value)}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${tags.join("")}</TagSet></Tagging>`;
}

interface Part {
  readonly PartNumber?: number;
  readonly ETag?: string;
  readonly ChecksumCRC32?: string;
}

function completion(input: Input): string {
  const parts = listIn(input["MultipartUpload"], "Parts").map(
    ({ PartNumber = 0, ETag = "", ChecksumCRC32 }: Part) =>
      `<Part><PartNumber>${PartNumber}</PartNumber><ETag>${escapeXml(ETag)}</ETag>${
        ChecksumCRC32 === undefined ? "" : `<ChecksumCRC32>${ChecksumCRC32}</ChecksumCRC32>`
      }</Part>`,
  );
  return `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
}

function listIn(value: unknown, name: string): readonly object[] {
  const list: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return Array.isArray(list) ? list : [];
}

/** S3 wants one with every body that is not an object's. */
export const md5Of = (body: string): string => createHash("md5").update(body).digest("base64");
