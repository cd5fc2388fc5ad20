import { getJson, getStored, listValues } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { changeSides, type Departure } from "../deleted/trash.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import type { RemoteBuildNode } from "./node.ts";

/** Members and words as clients know them (behaviour 191). */
export interface NodeStatus {
  readonly xname: string;
  readonly sshStatus: string;
  readonly podmanStatus: string;
  readonly nodeArch: string;
  /** -1 when it cannot be told. */
  readonly numCurrentJobs: number;
  readonly ableToRunJobs: boolean;
}

export interface RemoteBuildNodes {
  list(): Promise<Json<RemoteBuildNode[]>>;
  get(xname: string): Promise<Json<RemoteBuildNode>>;
  /** Registering the same xname again changes nothing (behaviour 189). */
  create(node: RemoteBuildNode): Promise<RemoteBuildNode>;
  /** For good. */
  remove(xname: string): Promise<void>;
  removeAll(): Promise<void>;
  status(xname: string): Promise<NodeStatus>;
  statusAll(): Promise<NodeStatus[]>;
}

export function createRemoteBuildNodes(ports: CorePorts): RemoteBuildNodes {
  const { records } = ports;

  async function end(xname: string): Promise<Departure> {
    const { version } = await getStored(records, "remote-build-node", xname);
    return { changes: [{ op: "remove", kind: "remote-build-node", id: xname, version }], objects: [] };
  }

  const remove = (xname: string) => changeSides(ports, xname, () => end(xname));

  return {
    list: () => records.listJson("remote-build-node"),
    get: (xname) => getJson(records, "remote-build-node", xname),
    async create({ xname }) {
      const value = { xname };
      await records
        .commit([{ op: "insert", kind: "remote-build-node", id: xname, value }])
        .catch((error: unknown) => {
          if (!isDomainError(error, "lost-race")) throw error;
        });
      return value;
    },
    remove,
    removeAll: () => forEachRecord(ports, "remote-build-node", remove),
    status: async (xname) => unreached((await getStored(records, "remote-build-node", xname)).value),
    statusAll: async () => (await listValues(records, "remote-build-node")).map(unreached),
  };
}

/** No runner of this service reaches remote nodes yet, and the answer says so rather than making the caller wait. */
function unreached({ xname }: RemoteBuildNode): NodeStatus {
  return {
    xname,
    sshStatus: "Unable to connect to node. Error: this service does not run jobs on remote nodes.",
    podmanStatus: "Unknown",
    nodeArch: "Unknown",
    numCurrentJobs: -1,
    ableToRunJobs: false,
  };
}
