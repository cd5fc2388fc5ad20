import { createFileArtifacts } from "../../adapters/artifacts/files/artifacts.ts";
import { createMemoryArtifacts } from "../../adapters/artifacts/memory.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import type { SignedUrlVerifier } from "../../core/ports/signed-urls.ts";
import { scratchFolder } from "../support/archives.ts";
import { artifactsContract } from "./artifacts.suite.ts";
import { publicUrl, signedUrlsContract } from "./signed-urls.suite.ts";

type Store = Artifacts & SignedUrlVerifier;

function surroundings() {
  const time = { now: Date.parse("2026-01-01T00:00:00.000Z") };
  const clock = { now: () => time.now };
  return { time, config: { clock, publicUrl, signer: createHmacSigner(new Uint8Array(32).fill(1)) } };
}

/** Each call goes to the next store in turn: what one has stored, the others must have. */
function inTurn(stores: readonly [Store, ...Store[]]): Store {
  let calls = 0;
  const next = (): Store => stores[calls++ % stores.length] ?? stores[0];
  return {
    stat: (address) => next().stat(address),
    read: (address, range) => next().read(address, range),
    write: (address, source, options) => next().write(address, source, options),
    move: (from, to) => next().move(from, to),
    remove: (address) => next().remove(address),
    list: (bucket, prefix) => next().list(bucket, prefix),
    signUrl: (method, address, lifetime) => next().signUrl(method, address, lifetime),
    verify: (claim) => next().verify(claim),
    check: () => next().check(),
  };
}

const stores: [string, () => Promise<{ time: { now: number }; artifacts: Store }>][] = [
  [
    "memory",
    async () => {
      const { time, config } = surroundings();
      return { time, artifacts: createMemoryArtifacts(config) };
    },
  ],
  [
    "files",
    async () => {
      const { time, config } = surroundings();
      return { time, artifacts: createFileArtifacts({ ...config, root: `${await scratchFolder()}/store` }) };
    },
  ],
  [
    "two stores on the same files",
    async () => {
      const { time, config } = surroundings();
      const root = await scratchFolder();
      const artifacts = inTurn([
        createFileArtifacts({ ...config, root }),
        createFileArtifacts({ ...config, root: `${root}/` }),
      ]);
      return { time, artifacts };
    },
  ],
];

for (const [name, open] of stores) {
  artifactsContract(name, open);
  signedUrlsContract(name, open);
}
