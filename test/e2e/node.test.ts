import { describe } from "vitest";
import { nodeDeployment } from "../support/deployments.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { roads } from "./roads.suite.ts";

describe("one process with all in one folder", () => {
  roads(() => nodeDeployment(), { largeBody: "taken", downloads: "here" });
});

describe("one process on DynamoDB and S3", () => {
  roads(() => nodeDeployment(localstackEnv(freshStorage())), { largeBody: "taken", downloads: "here" });
});
