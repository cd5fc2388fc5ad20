import { describe, expect, it, onTestFinished } from "vitest";
import { startEmulator } from "../../infra/lambda/emulator.ts";
import {
  functionBundle,
  functionEnv,
  functionTokens,
  jobsProcess,
  lambdaDeployment,
} from "../support/deployments.ts";
import { freshStorage } from "../support/localstack.ts";
import { archiveBytes, recipe } from "../support/road.ts";
import { until } from "../support/service-process.ts";
import { roads } from "./roads.suite.ts";

describe("each endpoint as a Lambda function of its own", () => {
  roads(() => lambdaDeployment(), { largeBody: "refused", downloads: "from the store" });
});

async function functions(more: { env?: Record<string, string>; only?: string; userArn?: string } = {}) {
  const storage = freshStorage();
  const tokens = await functionTokens(storage);
  const { env, ...rest } = more;
  const emulator = await startEmulator({
    bundleOf: functionBundle,
    env: { ...functionEnv(storage), ...env },
    ...rest,
  });
  onTestFinished(async () => await emulator.stop());
  const json = { authorization: `Bearer ${tokens.admin}`, "content-type": "application/json" };
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(emulator.url + path, {
      method,
      headers: json,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      json: text === "" ? undefined : JSON.parse(text),
    };
  };
  return { ...emulator, ...tokens, storage, call };
}

describe("functions", () => {
  it("have a process on the same store run the jobs, whose agents talk to the functions", async () => {
    const { url, storage, call, admin } = await functions({ only: "all", env: { IMS_MAX_JOBS: "1" } });
    const jobs = await jobsProcess(storage, { IMS_MAX_JOBS: "1", IMS_AGENT_URL: url });
    onTestFinished(async () => await jobs.stop());
    const key = await call("POST", "/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" });
    const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15", require_dkms: false };
    const { json: made } = await call("POST", "/v3/recipes", wanted);
    const archive = await archiveBytes(recipe());
    const headers = { authorization: `Bearer ${admin}` };
    await fetch(`${url}/v3/recipes/${made.id}/archive`, { method: "PUT", body: archive, headers });
    const { json: job } = await call("POST", "/v3/jobs", {
      job_type: "create",
      artifact_id: made.id,
      public_key_id: key.json.id,
      image_root_archive_name: "built",
    });
    const ended = await until(
      "the job ends",
      async () => {
        const { json } = await call("GET", `/v3/jobs/${job.id}`);
        return ["success", "error"].includes(json.status) ? json : undefined;
      },
      120,
    );
    expect(ended).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    const log = await fetch(`${url}/v3/jobs/${job.id}/log`, { headers });
    expect(await log.text()).toContain("stand-in kiwi prepares");
  });

  it("are told by IAM who is calling, and take nobody's word for it", async () => {
    const env = { IMS_AUTH: "iam" };
    const admin = await functions({
      only: "all",
      env,
      userArn: "arn:aws:sts::123456789012:assumed-role/ims-admin/me",
    });
    expect((await admin.call("POST", "/v3/images", { name: "x" })).status).toBe(201);
    const reader = await functions({ only: "all", env, userArn: "arn:aws:iam::123456789012:user/somebody" });
    expect((await reader.call("GET", "/v3/images")).status).toBe(200);
    expect((await reader.call("POST", "/v3/images", { name: "x" })).status).toBe(403);
    const open = await functions({ only: "all", env });
    const headers = {
      "x-ims-caller": "arn:aws:iam::123456789012:user/ims-admin",
      "x-ims-caller-role": "admin",
    };
    expect((await fetch(`${open.url}/v3/images`, { headers })).status).toBe(401);
  });

  it("do by schedule what no request waits for", async () => {
    const { run, call } = await functions({ only: "all", env: { IMS_MOVE_WAIT: "0" } });
    const image = (await call("POST", "/v3/images", { name: "x" })).json;
    expect((await call("DELETE", `/v3/images/${image.id}`)).status).toBe(204);
    await run("sweeps", "settle");
    await run("sweeps", "tidy");
    expect((await call("GET", `/v3/deleted/images/${image.id}`)).status).toBe(200);
  });

  it("do not start without what they need, and say what that is", async () => {
    let said = "";
    const emulator = await startEmulator({
      bundleOf: functionBundle,
      env: { IMS_RECORDS: "sqlite", IMS_JOBS: "local" },
      say: (text) => (said += text),
    });
    onTestFinished(async () => await emulator.stop());
    expect((await fetch(`${emulator.url}/version`)).status).toBe(500);
    expect(said).toMatch(/IMS_RECORDS=sqlite is not possible: a function has no disk that stays/u);
    expect(said).toMatch(/IMS_JOBS names local, which is not possible/u);
    expect(said).toMatch(/IMS_SECRET_PARAMETER .* is needed/u);
  });
});
