import { claimLink } from "../artifacts/link-claim.ts";
import type { ReturnRules } from "../deleted/deleted-records.ts";
import type { CorePorts } from "../core-ports.ts";
import { createReturningObjects } from "./returning-objects.ts";

/** Behaviour 90 to 99: what a deleted image's manifest names comes back with it, or goes for good with it. */
export function imageReturn(ports: CorePorts, bucket: string): ReturnRules {
  async function leaveTrash(id: string) {
    const { value, version } = await ports.journals.getSettled("deleted-image", id);
    return { value, removal: { op: "remove", kind: "deleted-image", id, version } as const };
  }

  const { returned, doomed } = createReturningObjects(ports, bucket);

  return {
    async restore(id) {
      const { value, removal } = await leaveTrash(id);
      const { deleted: _deleted, ...image } = value;
      const { link, objects } = await returned(id, image.link);
      const claim = link === null ? [] : [await claimLink(ports, { kind: "image", id }, link)];
      const insertion = { op: "insert", kind: "image", id, value: { ...image, link } } as const;
      return { changes: [removal, insertion, ...claim], objects };
    },
    async purge(id) {
      const { value, removal } = await leaveTrash(id);
      return { changes: [removal], objects: await doomed(id, value.link) };
    },
  };
}
