import { TABLE_DEFINITION } from "../../adapters/records/dynamodb/table.ts";
import { allow, capital } from "./policies.ts";
import { getAtt, type Json, ref, sub, when } from "./intrinsics.ts";

/** Parts of uploads that nobody goes on with; the service itself gives an upload up after three days. */
const ABANDONED_DAYS = 7;

/** What is kept: it stays when the stack goes. */
const KEPT = { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" };

export function storage(): Record<string, Json> {
  return {
    Table: {
      Type: "AWS::DynamoDB::Table",
      ...KEPT,
      Properties: {
        ...TABLE_DEFINITION,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
        DeletionProtectionEnabled: true,
      },
    },
    ...bucket("recipes"),
    ...bucket("images"),
    ...bucket("logs"),
  };
}

function bucket(what: "recipes" | "images" | "logs"): Record<string, Json> {
  const name = `${capital(what)}Bucket`;
  return {
    [name]: {
      Type: "AWS::S3::Bucket",
      ...KEPT,
      Properties: {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
        },
        LifecycleConfiguration: { Rules: [abandoned, ...(what === "logs" ? [] : [trash])] },
      },
    },
    [`${name}Policy`]: {
      Type: "AWS::S3::BucketPolicy",
      Properties: {
        Bucket: ref(name),
        PolicyDocument: {
          Version: "2012-10-17",
          Statement: [
            {
              ...allow(["s3:*"], [getAtt(name, "Arn"), sub(`\${${name}.Arn}/*`)]),
              Effect: "Deny",
              Principal: "*",
              Condition: { Bool: { "aws:SecureTransport": "false" } },
            },
          ],
        },
      },
    },
  };
}

const abandoned: Json = {
  Id: "abandoned-uploads",
  Status: "Enabled",
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: ABANDONED_DAYS },
};

/** Off unless it is asked for: what it removes can no longer be restored. */
const trash: Json = when("EmptiesTrash", {
  Id: "trash",
  Status: "Enabled",
  Prefix: "deleted/",
  ExpirationInDays: ref("TrashDays"),
});
