import type { Endpoint } from "../../functions/http/endpoint.ts";
import { alarms } from "./alarms.ts";
import { api } from "./api.ts";
import { functions } from "./functions.ts";
import { equals, type Json, not, ref, sub } from "./intrinsics.ts";
import { storage } from "./storage.ts";

/** The CloudFormation template of the service as separate functions, all of it made of the list of endpoints. */
export function awsTemplate(endpoints: readonly Endpoint[]): Json {
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: "IMS: an Image Management Service, each of its endpoints a function of its own",
    Parameters: PARAMETERS,
    Conditions: {
      UsesIam: equals("Auth", "iam"),
      UsesNoIam: not(equals("Auth", "iam")),
      UsesOidc: equals("Auth", "oidc"),
      EmptiesTrash: not(equals("TrashDays", "0")),
      HasAlarmTopic: not(equals("AlarmTopic", "")),
    },
    Resources: { ...storage(), ...functions(endpoints), ...api(endpoints), ...alarms() },
    Outputs: {
      Url: { Value: sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}") },
      Table: { Value: ref("Table") },
      RecipesBucket: { Value: ref("RecipesBucket") },
      ImagesBucket: { Value: ref("ImagesBucket") },
      LogsBucket: { Value: ref("LogsBucket") },
    },
  };
}

const text = (Description: string, Default?: string): Json => ({
  Type: "String",
  Description,
  ...(Default === undefined ? {} : { Default }),
});

const PARAMETERS: Json = {
  CodeBucket: text("Bucket that the functions' zip files are in"),
  CodePrefix: text("Begin of their keys: another one for each version", "functions/"),
  SecretParameter: {
    ...text(
      "SecureString of Systems Manager with the service's secret, 32 characters or more",
      "/ims/secret",
    ),
    AllowedPattern: "/.+",
  },
  Auth: {
    ...text("How callers show who they are (IMS_AUTH)", "token"),
    AllowedValues: ["token", "oidc", "iam"],
  },
  OidcIssuer: text("With oidc: IMS_OIDC_ISSUER", ""),
  OidcAudience: text("With oidc: IMS_OIDC_AUDIENCE", ""),
  OidcJwksUri: text("With oidc: IMS_OIDC_JWKS_URI", ""),
  IamAdmins: text("With iam: names of the roles and users that are administrators, by commas", "ims-admin"),
  MaxJobs: text("Jobs running at once (IMS_MAX_JOBS), the same as where they are run", "2"),
  TrashDays: {
    ...text("Objects in the trash are removed after so many days; 0: never", "0"),
    AllowedPattern: "\\d{1,4}",
  },
  LogRetentionDays: { Type: "Number", Default: 30, AllowedValues: [1, 3, 5, 7, 14, 30, 60, 90, 180, 365] },
  AlarmTopic: text("ARN of an SNS topic that alarms are sent to", ""),
};
