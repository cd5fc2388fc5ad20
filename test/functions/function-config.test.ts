import { describe, expect, it } from "vitest";
import { ConfigError } from "../../functions/config.ts";
import { readFunctionConfig } from "../../functions/config/function.ts";

const SECRET = "x".repeat(32);
const enough = { IMS_SECRET: SECRET, IMS_AUTH: "token", AWS_REGION: "eu-central-1" };

function problemsOf(environment: Record<string, string>, platform: "lambda" | "worker" = "lambda"): string {
  try {
    readFunctionConfig({ ...enough, ...environment }, platform);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "none";
}

describe("the configuration of a function", () => {
  it("keeps records in DynamoDB and all else in S3 without being told, and makes neither", () => {
    const config = readFunctionConfig(enough, "lambda");
    expect(config).toMatchObject({
      records: { kind: "dynamodb", table: "ims" },
      artifacts: { kind: "s3" },
      jobLogs: { kind: "s3" },
      createStorage: false,
      jobs: [],
      secret: { text: SECRET },
    });
  });

  it("asks the stores as whom its environment says, for as long as that lasts", () => {
    const credentials = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_SESSION_TOKEN: "c" };
    const aws = { credentials: { accessKeyId: "a", secretAccessKey: "b", sessionToken: "c" } };
    expect(readFunctionConfig({ ...enough, ...credentials }, "lambda")).toMatchObject({
      records: { aws },
      artifacts: { aws },
      jobLogs: { aws },
    });
  });

  it("refuses what needs a disk, a machine or a closed door, each with its reason", () => {
    for (const [name, value, reason] of [
      ["IMS_RECORDS", "sqlite", "no disk that stays"],
      ["IMS_ARTIFACTS", "files", "no disk that stays"],
      ["IMS_JOB_LOGS", "files", "no disk that stays"],
      ["IMS_AUTH", "none", "can be reached by anybody"],
      ["IMS_AUTH", "gateway", "can be reached past any gateway"],
      ["IMS_JOBS", "local", "cannot run jobs as processes of its own machine"],
      ["IMS_JOBS", "kubernetes,ssh", "cannot keep connections to build nodes"],
    ] as const)
      expect(problemsOf({ [name]: value })).toContain(reason);
  });

  it("refuses what a Worker cannot have beyond that", () => {
    for (const name of ["AWS_CA_BUNDLE", "IMS_SECRET_FILE"])
      expect(problemsOf({ [name]: "/some/file" }, "worker")).toContain(`${name} is not possible`);
    expect(problemsOf({ IMS_AUTH: "iam" }, "worker")).toContain("a Worker is not AWS's");
    expect(problemsOf({ IMS_AUTH: "iam" }, "lambda")).toBe("none");
  });

  it("needs one secret, long enough, and tells nothing of it", () => {
    const { IMS_SECRET: _secret, ...without } = enough;
    expect(() => readFunctionConfig(without, "lambda")).toThrow(/IMS_SECRET_PARAMETER .* is needed/u);
    expect(() => readFunctionConfig(without, "worker")).toThrow(/wrangler secret put IMS_SECRET/u);
    expect(problemsOf({ IMS_SECRET_PARAMETER: "/ims/secret" })).toContain("two secrets");
    const short = problemsOf({ IMS_SECRET: "short-and-secret" });
    expect(short).toContain("IMS_SECRET needs 32 characters or more");
    expect(short).not.toContain("short-and-secret");
    expect(
      readFunctionConfig({ ...without, IMS_SECRET_PARAMETER: "/ims/secret" }, "lambda").secret,
    ).toMatchObject({ parameter: "/ims/secret", store: { region: "eu-central-1" } });
  });

  it("names everything that is wrong at once, with what is wrong for any service", () => {
    const all = problemsOf({ IMS_RECORDS: "sqlite", IMS_MAX_JOBS: "-1", IMS_SECRET: "x" });
    expect(all).toContain("IMS_RECORDS=sqlite is not possible");
    expect(all).toContain("IMS_SECRET needs");
  });
});
