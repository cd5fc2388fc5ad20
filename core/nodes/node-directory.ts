import { listValues } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { Records } from "../ports/records.ts";
import type { RemoteBuildNode } from "./node.ts";

/** The registered nodes, for whoever connects to them. */
export interface NodeDirectory {
  /** `undefined`: not registered. */
  find(xname: string): Promise<RemoteBuildNode | undefined>;
  list(): Promise<readonly RemoteBuildNode[]>;
  /**
   * Keeps the host key that a node without one has shown, and answers the key that is kept: of several callers at once
   * the first decides.
   */
  pin(xname: string, hostKey: string): Promise<string>;
}

export function createNodeDirectory(records: Records): NodeDirectory {
  const stored = (xname: string) => records.get("remote-build-node", xname);

  async function pin(xname: string, hostKey: string): Promise<string> {
    for (;;) {
      const node = await stored(xname);
      // Nobody is to trust a node that is not registered any more; the caller's connection is about to end.
      if (node === undefined) return hostKey;
      if (node.value.host_key !== undefined) return node.value.host_key;
      const value = { ...node.value, host_key: hostKey };
      try {
        await records.commit([
          { op: "replace", kind: "remote-build-node", id: xname, version: node.version, value },
        ]);
        return hostKey;
      } catch (error) {
        if (!isDomainError(error, "lost-race")) throw error;
      }
    }
  }

  return {
    find: async (xname) => (await stored(xname))?.value,
    list: () => listValues(records, "remote-build-node"),
    pin,
  };
}
