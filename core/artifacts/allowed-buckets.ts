import { DomainError } from "../errors.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";

/**
 * The same artifacts without all that lies outside of these buckets: links and manifests come from clients, and must
 * neither reveal nor move nor remove what others keep in the same store. An object elsewhere is absent, as one in a
 * bucket that does not exist (behaviour 51).
 */
export function withinBuckets(artifacts: Artifacts, buckets: readonly string[]): Artifacts {
  const allows = ({ bucket }: Pick<ArtifactAddress, "bucket">) => buckets.includes(bucket);
  const require = (address: ArtifactAddress) => {
    if (!allows(address))
      throw new DomainError("invalid", `The bucket ${address.bucket} is not in use here.`);
  };
  return {
    stat: async (address) => (allows(address) ? await artifacts.stat(address) : undefined),
    read: async (address, range) => (allows(address) ? await artifacts.read(address, range) : undefined),
    async write(address, source, options) {
      require(address);
      return await artifacts.write(address, source, options);
    },
    async move(from, to) {
      if (!allows(from)) return undefined;
      require(to);
      return await artifacts.move(from, to);
    },
    async remove(address) {
      if (allows(address)) await artifacts.remove(address);
    },
    async *list(bucket, prefix) {
      if (allows({ bucket })) yield* artifacts.list(bucket, prefix);
    },
    async signUrl(method, address, lifetime, metadata) {
      require(address);
      return await artifacts.signUrl(method, address, lifetime, metadata);
    },
    check: () => artifacts.check(),
  };
}
