import { IMAGE_PARTS } from "../../../core/jobs/agent-messages.ts";
import { isDomainError } from "../../../core/errors.ts";
import { sentPart } from "../images.ts";
import type { TestService } from "../ims.ts";
import type { Json } from "../json.ts";
import { agentOf, jobRequest } from "../job-requests.ts";

type Send = (service: TestService) => Promise<{ readonly status: number }>;

export interface Operation {
  readonly name: string;
  /** Makes what it needs; answers the request itself. */
  readonly prepare: (service: TestService) => Promise<Send>;
  /** Goes record by record: one that failed leaves some done and others not. */
  readonly piecemeal?: true;
}

const RECIPE = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const KEY = { name: "k", public_key: "ssh-ed25519 A" };
const undelete = { operation: "undelete" };

const operation = (name: string, prepare: Operation["prepare"]): Operation => ({ name, prepare });
const piecemeal = (name: string, prepare: Operation["prepare"]): Operation => ({
  name,
  prepare,
  piecemeal: true,
});

/** An image with an object, linked unless told otherwise. */
async function anImage(service: TestService, { linked = true } = {}): Promise<string> {
  const { id } = (await service.post("/v3/images", { name: "i", metadata: { k: "v" } })).json;
  await service.put(`/v3/images/${id}/artifacts/rootfs`, "rootfs");
  await service.put(`/v3/images/${id}/artifacts/kernel`, "kernel");
  if (linked) await service.call("POST", `/v3/images/${id}/manifest`);
  return id;
}

async function aRecipe(service: TestService): Promise<string> {
  const { id } = (await service.post("/v3/recipes", RECIPE)).json;
  await service.put(`/v3/recipes/${id}/archive`, "archive");
  return id;
}

async function inTrash(service: TestService, kind: "images" | "recipes"): Promise<string> {
  const id = await (kind === "images" ? anImage(service) : aRecipe(service));
  await service.remove(`/v3/${kind}/${id}`);
  return id;
}

const RECORDS: readonly Operation[] = [
  operation("create an image", async () => (service) => service.post("/v3/images", { name: "i" })),
  operation("create a key", async () => (service) => service.post("/v3/public-keys", KEY)),
  operation("change an image", async (direct) => {
    const id = await anImage(direct);
    return (service) => service.patch(`/v3/images/${id}`, { arch: "aarch64" });
  }),
  operation("register what is in the bucket", async (direct) => {
    const { link } = (await direct.get(`/v3/images/${await anImage(direct)}`)).json;
    const { id } = (await direct.get("/v3/images")).json[0];
    await direct.remove(`/v2/images/${id}?cascade=false`);
    return (service) => service.post("/v3/images", { name: "i", link });
  }),
  operation("upload an artifact", async (direct) => {
    const id = await anImage(direct, { linked: false });
    return (service) => service.put(`/v3/images/${id}/artifacts/initrd`, "initrd");
  }),
  operation("upload an artifact in place of another", async (direct) => {
    const id = await anImage(direct, { linked: false });
    return (service) => service.put(`/v3/images/${id}/artifacts/rootfs`, "another");
  }),
  operation("upload an archive", async (direct) => {
    const { id } = (await direct.post("/v3/recipes", RECIPE)).json;
    return (service) => service.put(`/v3/recipes/${id}/archive`, "archive");
  }),
  operation("link an image", async (direct) => {
    const id = await anImage(direct, { linked: false });
    return (service) => service.call("POST", `/v3/images/${id}/manifest`);
  }),
];

const MOVES: readonly Operation[] = [
  operation("delete an image", async (direct) => {
    const id = await anImage(direct);
    return (service) => service.remove(`/v3/images/${id}`);
  }),
  operation("delete a recipe", async (direct) => {
    const id = await aRecipe(direct);
    return (service) => service.remove(`/v3/recipes/${id}`);
  }),
  operation("undelete an image", async (direct) => {
    const id = await inTrash(direct, "images");
    return (service) => service.patch(`/v3/deleted/images/${id}`, undelete);
  }),
  operation("undelete a recipe", async (direct) => {
    const id = await inTrash(direct, "recipes");
    return (service) => service.patch(`/v3/deleted/recipes/${id}`, undelete);
  }),
  operation("purge an image", async (direct) => {
    const id = await inTrash(direct, "images");
    return (service) => service.remove(`/v3/deleted/images/${id}`);
  }),
  operation("destroy an image", async (direct) => {
    const id = await anImage(direct);
    return (service) => service.remove(`/v2/images/${id}`);
  }),
  piecemeal("delete all images", async (direct) => {
    await anImage(direct);
    await anImage(direct, { linked: false });
    return (service) => service.remove("/v3/images");
  }),
  piecemeal("undelete all recipes", async (direct) => {
    await inTrash(direct, "recipes");
    await inTrash(direct, "recipes");
    return (service) => service.patch("/v3/deleted/recipes", undelete);
  }),
];

const READS: readonly Operation[] = [
  operation("list images", async (direct) => {
    await anImage(direct);
    return (service) => service.get("/v3/images");
  }),
  operation("read an image", async (direct) => {
    const id = await anImage(direct);
    return (service) => service.get(`/v3/images/${id}`);
  }),
  operation("list an image's artifacts", async (direct) => {
    const id = await anImage(direct);
    return (service) => service.get(`/v3/images/${id}/artifacts`);
  }),
  operation("download an artifact", async (direct) => {
    const id = await anImage(direct);
    return async (service) => await download(service, `/v3/images/${id}/artifacts/rootfs`, "rootfs");
  }),
];

/** Bytes that are not all there are an answer that broke off, which the client sees. */
async function download(service: TestService, path: string, wanted: string): Promise<{ status: number }> {
  try {
    const { status, text } = await service.get(path);
    if (status === 200 && text !== wanted) throw new Error(`${path} answered ${JSON.stringify(text)}`);
    return { status };
  } catch (error) {
    if (isDomainError(error, "unavailable")) return { status: 503 };
    throw error;
  }
}

async function aJob(service: TestService): Promise<string> {
  const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
  await service.ims.reconciler.tick();
  return id;
}

/** To the store, or to the service where that serves the store's URLs itself. */
async function putSigned(service: TestService, { url, headers }: Json, bytes: string): Promise<void> {
  const isOurs = String(url).startsWith("http://localhost/");
  const { status } = isOurs
    ? await service.put(url, bytes, headers)
    : await fetch(url, { method: "PUT", body: bytes, headers });
  if (status >= 300) throw new Error(`An upload to a signed URL was answered ${status}.`);
}

const JOBS: readonly Operation[] = [
  operation("post a job", async (direct) => {
    const request = await jobRequest(direct);
    return (service) => service.post("/v3/jobs", request);
  }),
  operation("cancel a job", async (direct) => {
    const id = await aJob(direct);
    return (service) => service.post(`/v3/jobs/${id}/cancel`);
  }),
  operation("delete a job", async (direct) => {
    const id = await aJob(direct);
    return (service) => service.remove(`/v3/jobs/${id}`);
  }),
  operation("hear an agent's report", async (direct) => {
    const id = await aJob(direct);
    return (service) => agentOf(service, id).say("report", { status: "building_image" });
  }),
  operation("take lines of a log", async (direct) => {
    const id = await aJob(direct);
    await agentOf(direct, id).log(0, "first\n");
    return (service) => agentOf(service, id).log(6, "second\n");
  }),
  operation("finish a job with an image", async (direct) => {
    const id = await aJob(direct);
    const { say } = agentOf(direct, id);
    await say("report", { status: "packaging_artifacts" });
    for (const part of IMAGE_PARTS) {
      const target = (await say(`artifacts/${part}/upload`)).json;
      await putSigned(direct, target, `bytes of ${part}`);
    }
    const artifacts = IMAGE_PARTS.map((part) => sentPart(part, `bytes of ${part}`));
    return (service) => agentOf(service, id).say("finish", { artifacts });
  }),
  operation("end a job in failure", async (direct) => {
    const id = await aJob(direct);
    await agentOf(direct, id).say("report", { status: "building_image" });
    const failure = { code: "build_failed", message: "kiwi failed", exit_code: 3, hint: "look" };
    return (service) => agentOf(service, id).say("fail", failure);
  }),
];

export const OPERATIONS: readonly Operation[] = [...RECORDS, ...MOVES, ...READS, ...JOBS];
