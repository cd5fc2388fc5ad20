import { readFile } from "node:fs/promises";
import path from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { connect } from "node:net";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { freshStorage, localstack, localstackEnv } from "../support/localstack.ts";
import { archiveBytes, ended, expectImage, postJob, recipe } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

/** Of an authority that nobody else knows, good for 100 years; the key is this test's alone. */
const TLS = path.join(import.meta.dirname, "../fixtures/tls");
const AUTHORITY = path.join(TLS, "ca.pem");

/** LocalStack behind TLS, until the test ends. */
async function tlsFront(): Promise<string> {
  const { hostname, port } = new URL(localstack().endpoint);
  const [cert, key] = await Promise.all(
    ["server.pem", "server-key.pem"].map(async (name) => await readFile(path.join(TLS, name))),
  );
  const server = createTlsServer({ cert, key }, (near) => {
    const far = connect(Number(port), hostname);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
    onTestFinished(() => void near.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return `https://127.0.0.1:${address.port}`;
}

describe("a store whose certificate is of the site's own authority", () => {
  it.each(["S3_SSL_VALIDATE", "AWS_CA_BUNDLE"])(
    "is used for records, objects and agents' transfers when %s names its file",
    async (variable) => {
      const env = { ...localstackEnv(freshStorage(), await tlsFront()), [variable]: AUTHORITY };
      // The original knows only S3.
      const records = variable === "S3_SSL_VALIDATE" ? { IMS_RECORDS: "sqlite" } : {};
      const service = await startService({ ...env, ...records, IMS_UPLOAD_PARTS_FROM: "1" });
      const job = await ended(service, await postJob(service, await archiveBytes(recipe())));
      expect(job).toMatchObject({ status: "success" });
      await expectImage(service, job.resultant_image_id);
    },
  );

  it("is not believed without", async () => {
    const env = { ...localstackEnv(freshStorage(), await tlsFront()), IMS_RECORDS: "sqlite" };
    await expect(startService(env)).rejects.toThrow(/cannot be reached|CERT|certificate/u);
  });
});
