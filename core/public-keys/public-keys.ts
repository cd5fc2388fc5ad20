import { getJson, getStored, isoTime } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { changeSides, type Departure } from "../deleted/trash.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import type { PublicKey } from "./public-key.ts";

export interface NewPublicKey {
  readonly name: string;
  readonly public_key: string;
}

export interface PublicKeys {
  list(): Promise<Json<PublicKey[]>>;
  get(id: string): Promise<Json<PublicKey>>;
  /** Keeps the text verbatim. @throws `invalid` for a private key, which must never be stored. */
  create(wanted: NewPublicKey): Promise<PublicKey>;
  /** To the trash. */
  remove(id: string): Promise<void>;
  removeAll(): Promise<void>;
  /** For good. */
  destroy(id: string): Promise<void>;
  destroyAll(): Promise<void>;
}

export function createPublicKeys(ports: CorePorts): PublicKeys {
  const { records, clock, ids } = ports;

  async function depart(id: string, deleted: string): Promise<Departure> {
    const live = await getStored(records, "public-key", id);
    return {
      changes: [
        { op: "remove", kind: "public-key", id, version: live.version },
        { op: "insert", kind: "deleted-public-key", id, value: { ...live.value, deleted } },
      ],
      objects: [],
    };
  }

  async function end(id: string): Promise<Departure> {
    const { version } = await getStored(records, "public-key", id);
    return { changes: [{ op: "remove", kind: "public-key", id, version }], objects: [] };
  }

  const destroy = (id: string) => changeSides(ports, id, () => end(id));
  const remove = (id: string) => changeSides(ports, id, (now) => depart(id, now));

  return {
    list: () => records.listJson("public-key"),
    get: (id) => getJson(records, "public-key", id),
    async create({ name, public_key }) {
      refusePrivateKey(public_key);
      const key: PublicKey = { id: ids.uuid(), created: isoTime(clock.now()), name, public_key };
      await records.commit([{ op: "insert", kind: "public-key", id: key.id, value: key }]);
      return key;
    },
    remove,
    removeAll: () => forEachRecord(ports, "public-key", remove),
    destroy,
    destroyAll: () => forEachRecord(ports, "public-key", destroy),
  };
}

function refusePrivateKey(text: string): void {
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/u.test(text)) return;
  const message =
    "This is a private key. Keep it secret and send the public half, the file that ends in .pub.";
  throw new DomainError("invalid", message, { fields: { public_key: [message] } });
}
