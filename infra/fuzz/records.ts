import * as v from "valibot";

/** Values by where a request names them. */
export type Ids = Readonly<Record<string, readonly string[]>>;

const COPIES = 20;
const Made = v.object({ id: v.string() });

/** Fills a service with records of every kind, live and in the trash, and answers how requests name them. */
export async function makeRecords(url: string, token: string): Promise<Ids> {
  const authorization = `Bearer ${token}`;

  async function send(method: string, path: string, body?: object | string): Promise<unknown> {
    const json = typeof body === "object";
    const response = await fetch(url + path, {
      method,
      headers: { authorization, ...(json ? { "content-type": "application/json" } : {}) },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  const made = async (path: string, body: object) => v.parse(Made, await send("POST", path, body)).id;

  async function image(): Promise<string> {
    const id = await made("/v3/images", { name: "fuzzed" });
    for (const part of ["rootfs", "kernel"]) await send("PUT", `/v3/images/${id}/artifacts/${part}`, part);
    return id;
  }

  async function linkedImage(): Promise<string> {
    const id = await image();
    await send("POST", `/v3/images/${id}/manifest`);
    return id;
  }

  async function recipe(): Promise<string> {
    const id = await made("/v3/recipes", { name: "f", recipe_type: "kiwi-ng", linux_distribution: "sles15" });
    await send("PUT", `/v3/recipes/${id}/archive`, "archive");
    return id;
  }

  const key = () => made("/v3/public-keys", { name: "fuzzed", public_key: "ssh-ed25519 A" });

  async function trashed(kind: string, make: () => Promise<string>): Promise<string[]> {
    const ids = await several(make);
    for (const id of ids) await send("DELETE", `/v3/${kind}/${id}`);
    return ids;
  }

  const [recipes, keys] = [await several(recipe), await several(key)];
  const job = () =>
    made("/v3/jobs", {
      job_type: "create",
      artifact_id: recipes[0],
      public_key_id: keys[0],
      image_root_archive_name: "fuzzed",
    });
  const upload = () => made("/v3/uploads", { target: { recipe: recipes[0] }, part_size: 5 * 1024 ** 2 });
  await send("POST", "/v3/remote-build-nodes", { xname: "x1" });
  return {
    "path.image_id": [...(await several(image)), ...(await several(linkedImage))],
    // Not the manifest: a range of it is no JSON, which the fuzzer takes for a fault.
    "path.artifact_name": ["rootfs", "kernel"],
    // The trash of recipes calls its parameter so, too.
    "path.recipe_id": [...recipes, ...(await trashed("recipes", recipe))],
    "path.public_key_id": keys,
    "path.job_id": await several(job),
    "path.upload_id": await several(upload),
    "path.deleted_image_id": await trashed("images", linkedImage),
    "path.deleted_public_key_id": await trashed("public-keys", key),
    "path.remote_build_node_xname": ["x1"],
    "body.artifact_id": recipes,
    "body.public_key_id": keys,
  };
}

async function several(make: () => Promise<string>): Promise<string[]> {
  const ids = [];
  for (let n = 0; n < COPIES; n += 1) ids.push(await make());
  return ids;
}
