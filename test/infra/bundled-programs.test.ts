import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { bundle } from "../../infra/bundle/bundle.ts";
import { httpServer } from "../support/http-server.ts";
import { archiveBytes, ended, expectImage, inStatus, nothingLeft, postJob, recipe } from "../support/road.ts";
import { processesWith, startService } from "../support/service-process.ts";

const run = promisify(execFile);

/** Of a program that is to end by itself, in a folder where there is nothing of the project. */
async function output(program: string, args: readonly string[], env: Record<string, string>) {
  const options = { cwd: path.dirname(program), env: { PATH: process.env["PATH"], ...env } };
  return await run(process.execPath, [program, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe("a bundle in a folder of its own, with nothing but Node", () => {
  let dist = "";
  const program = (name: string) => path.join(dist, `${name}.mjs`);
  beforeAll(async () => {
    dist = await mkdtemp(path.join(tmpdir(), "ims-dist-"));
    await bundle(dist);
    return () => rm(dist, { recursive: true, force: true });
  }, 60_000);

  it("carries a job from recipe to image, by the agent that lies beside the service", async () => {
    const service = await startService({}, program("server"));
    const id = await postJob(service, await archiveBytes(recipe("seconds 1")));
    await inStatus(service, id, "building_image");
    expect(processesWith(program("agent"))).not.toEqual([]);
    const job = await ended(service, id);
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    await expectImage(service, job.resultant_image_id);
    await nothingLeft(service);
    expect(await service.end("SIGTERM")).toBe(0);
  });

  it("makes tokens that open the service on the same store", async () => {
    const service = await startService({ IMS_AUTH: "token" }, program("server"));
    const { stdout, code } = await output(program("ims"), ["token", "create", "--role", "reader"], {
      IMS_DATA: service.data,
    });
    expect(code).toBe(0);
    const headers = { authorization: `Bearer ${stdout.trim()}` };
    expect((await service.fetch("/v3/images")).status).toBe(401);
    expect((await service.fetch("/v3/images", { headers })).status).toBe(200);
  });

  it("has the clients of DynamoDB and S3 at hand", async () => {
    const url = await httpServer((_, response) => response.writeHead(403).end());
    const aws = {
      IMS_RECORDS: "dynamodb",
      IMS_ARTIFACTS: "s3",
      DYNAMODB_ENDPOINT: url,
      S3_ENDPOINT: url,
      AWS_ACCESS_KEY_ID: "a",
      AWS_SECRET_ACCESS_KEY: "b",
      AWS_REGION: "us-east-1",
    };
    const { code, stderr } = await output(program("server"), [], { ...aws, IMS_PORT: "0" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/record store.*\n.*object store/u);
    expect(stderr).not.toMatch(/cannot find|not defined|    at /iu);
  });

  it("offers no demo, which needs the project's folder", async () => {
    const { stdout, code } = await output(program("ims"), ["--help"], {});
    expect(code).toBe(0);
    expect(stdout).toContain("token");
    expect(stdout).not.toContain("demo");
  });
});
