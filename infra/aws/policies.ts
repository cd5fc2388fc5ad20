import type { Access, Uses } from "../../functions/http/endpoint.ts";
import { getAtt, type Json, sub } from "./intrinsics.ts";

/** Who may call, as far as it decides what a function itself has to read. */
type Role = "anyone" | "reader" | "admin" | "agent";

const RECORDS: Readonly<Record<Access, readonly string[]>> = {
  read: ["dynamodb:GetItem", "dynamodb:Query"],
  // A transaction is allowed by what it does.
  write: [
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
  ],
};
const OBJECTS: Readonly<Record<Access, readonly string[]>> = {
  read: ["s3:GetObject", "s3:GetObjectTagging"],
  write: [
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
  ],
};
const BUCKETS: Readonly<Record<Access, readonly string[]>> = {
  read: ["s3:ListBucket"],
  write: ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
};
const LOGS: Readonly<Record<Access, readonly string[]>> = {
  read: ["s3:GetObject"],
  write: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
};

/** What two functions may do that have the same name here is the same. */
export interface Rights {
  readonly records: Access | undefined;
  readonly objects: Access | undefined;
  readonly logs: Access | undefined;
}

/** Tokens are records: whoever asks for one reads them. */
export function rightsOf({ records, objects, logs }: Uses, role: Role = "anyone"): Rights {
  const asksForToken = role === "reader" || role === "admin";
  return { records: records ?? (asksForToken ? "read" : undefined), objects, logs };
}

/** Such as `RecordsWriteObjectsRead`, `Nothing`. */
export function nameOfRights({ records, objects, logs }: Rights): string {
  const named = Object.entries({ Records: records, Objects: objects, Logs: logs }).flatMap(
    ([name, access]) => (access === undefined ? [] : [name + capital(access)]),
  );
  return named.length === 0 ? "Nothing" : named.join("");
}

export const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** The statements of a function's policy, without its log's. */
export function statementsOf({ records, objects, logs }: Rights): Json[] {
  return [
    allow(
      ["ssm:GetParameter"],
      [sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${SecretParameter}")],
    ),
    ...(records === undefined
      ? []
      : [allow(RECORDS[records], [getAtt("Table", "Arn"), sub("${Table.Arn}/index/*")])]),
    ...(objects === undefined
      ? []
      : [
          allow(BUCKETS[objects], [getAtt("RecipesBucket", "Arn"), getAtt("ImagesBucket", "Arn")]),
          allow(OBJECTS[objects], [sub("${RecipesBucket.Arn}/*"), sub("${ImagesBucket.Arn}/*")]),
        ]),
    ...(logs === undefined
      ? []
      : [
          allow(["s3:ListBucket"], [getAtt("LogsBucket", "Arn")]),
          allow(LOGS[logs], [sub("${LogsBucket.Arn}/*")]),
        ]),
  ];
}

export function allow(actions: readonly string[], resources: readonly Json[]): Json {
  return { Effect: "Allow", Action: [...actions], Resource: [...resources] };
}
