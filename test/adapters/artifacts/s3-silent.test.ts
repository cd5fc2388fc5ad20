import { createServer } from "node:net";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { createS3Artifacts } from "../../../adapters/artifacts/s3/artifacts.ts";

it("gives up a store that takes connections and says nothing, as soon as it is told to, and asks again", async () => {
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const artifacts = createS3Artifacts({
    aws: {
      region: "us-east-1",
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
      forcePathStyle: true,
      idleMilliseconds: 100,
    },
    clock: Date,
    buckets: [],
    patienceMs: 1000,
  });
  await expect(artifacts.stat({ bucket: "ims", key: "k" })).rejects.toMatchObject({ code: "unavailable" });
  // Each minute of silence would have been one.
  expect(asked).toBeGreaterThan(1);
});
