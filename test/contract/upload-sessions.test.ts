import { createFileArtifacts } from "../../adapters/artifacts/files/artifacts.ts";
import { createFileUploads } from "../../adapters/artifacts/files/parted/uploads.ts";
import { createMemoryUploads } from "../../adapters/artifacts/memory-uploads.ts";
import { createMemoryArtifacts } from "../../adapters/artifacts/memory.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import type { PartReceiver, UploadSessions } from "../../core/ports/upload-sessions.ts";
import { scratchFolder } from "../support/archives.ts";
import { partDoor } from "../support/part-door.ts";
import { uploadSessionsContract } from "./upload-sessions.suite.ts";

type Store = UploadSessions & PartReceiver;

const PART = 5 * 1024 * 1024;
const config = {
  clock: { now: () => Date.parse("2026-01-01T00:00:00.000Z") },
  publicUrl: () => "http://ims.example:9100/base",
  signer: createHmacSigner(new Uint8Array(32).fill(1)),
};

/** Each call goes to the next store in turn: what one has stored, the others must have. */
function inTurn(stores: readonly [Store, ...Store[]]): Store {
  let calls = 0;
  const next = (): Store => stores[calls++ % stores.length] ?? stores[0];
  return {
    open: (upload, options) => next().open(upload, options),
    signParts: (upload, numbers, lifetime) => next().signParts(upload, numbers, lifetime),
    parts: (upload) => next().parts(upload),
    assemble: (upload, parts, options) => next().assemble(upload, parts, options),
    discard: (upload) => next().discard(upload),
    pending: (bucket) => next().pending(bucket),
    verifyPart: (claim) => next().verifyPart(claim),
    takePart: (upload, number, source, expect) => next().takePart(upload, number, source, expect),
  };
}

uploadSessionsContract("memory", async () => {
  const artifacts = createMemoryArtifacts(config);
  const uploads = createMemoryUploads({ ...config, artifacts });
  return { artifacts, uploads, put: partDoor(uploads, PART), bucket: "ims" };
});

uploadSessionsContract("files", async () => {
  const root = await scratchFolder();
  const uploads = createFileUploads({ ...config, root });
  return {
    artifacts: createFileArtifacts({ ...config, root }),
    uploads,
    put: partDoor(uploads, PART),
    bucket: "ims",
  };
});

uploadSessionsContract("two stores on the same files", async () => {
  const root = await scratchFolder();
  const uploads = inTurn([createFileUploads({ ...config, root }), createFileUploads({ ...config, root })]);
  return {
    artifacts: createFileArtifacts({ ...config, root }),
    uploads,
    put: partDoor(uploads, PART),
    bucket: "ims",
  };
});
