import { describe, expect, it } from "vitest";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { loadedPackages, tellingPackages } from "../support/loaded-packages.ts";
import { startService } from "../support/service-process.ts";

const clients = (output: string) =>
  loadedPackages(output).filter((name) => /^@aws-sdk\/client-(?:s3|dynamodb)$/u.test(name));

describe("a service on DynamoDB and S3", () => {
  it("loads the client of what it uses, and not the other's", async () => {
    const env = { ...localstackEnv(freshStorage()), ...tellingPackages };
    const onDynamodb = await startService({ ...env, IMS_ARTIFACTS: "files" });
    expect(clients(onDynamodb.output())).toEqual(["@aws-sdk/client-dynamodb"]);
  });

  it("does not start without its table, and says which it is", async () => {
    const storage = freshStorage();
    const env = { ...localstackEnv(storage), IMS_ARTIFACTS: "files", IMS_CREATE_STORAGE: "no" };
    await expect(startService(env)).rejects.toThrow(storage.table);
  });
});
