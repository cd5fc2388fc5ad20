import { writeFile } from "node:fs/promises";
import path from "node:path";
import { scratchFolder } from "./archives.ts";
import { emptyStore, type StoreEnv } from "./backup-stores.ts";
import { freshStorage, localstackEnv } from "./localstack.ts";

/** DynamoDB and S3 of its own, nothing in them yet, with the bucket names that local stores have as well. */
export async function remoteStore(storage = freshStorage()): Promise<StoreEnv> {
  const { IMS_DATA = "" } = await emptyStore();
  return { ...localstackEnv(storage), IMS_DATA };
}

/** An empty folder for SQLite and files, whose buckets are called as those of the other store. */
export async function localTwin({
  S3_IMS_BUCKET = "",
  S3_BOOT_IMAGES_BUCKET = "",
}: StoreEnv): Promise<StoreEnv> {
  return { ...(await emptyStore()), S3_IMS_BUCKET, S3_BOOT_IMAGES_BUCKET };
}

/** The file that `--from` takes. */
export async function envFile(env: StoreEnv): Promise<string> {
  const file = path.join(await scratchFolder(), "source.env");
  await writeFile(
    file,
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  return file;
}
