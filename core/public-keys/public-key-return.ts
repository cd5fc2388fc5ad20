import { getStored } from "../collection.ts";
import type { ReturnRules } from "../deleted/deleted-records.ts";
import type { Records } from "../ports/records.ts";

/** A key has no objects and no claims: it cannot be in anybody's way (behaviour 34 to 40). */
export function publicKeyReturn({ records }: { readonly records: Records }): ReturnRules {
  async function leaveTrash(id: string) {
    const { value, version } = await getStored(records, "deleted-public-key", id);
    return { value, removal: { op: "remove", kind: "deleted-public-key", id, version } as const };
  }
  return {
    async restore(id) {
      const { value, removal } = await leaveTrash(id);
      const { deleted: _deleted, ...key } = value;
      return { changes: [removal, { op: "insert", kind: "public-key", id, value: key }], objects: [] };
    },
    async purge(id) {
      return { changes: [(await leaveTrash(id)).removal], objects: [] };
    },
  };
}
