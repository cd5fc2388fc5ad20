import { getJson, getStored, listValues } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { changeSides, type Departure } from "../deleted/trash.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import { createNodeWatch } from "./node-watch.ts";
import { believed, type NodeState, type RemoteBuildNode } from "./node.ts";

/** Members and words as clients know them (behaviour 191). */
export interface NodeStatus {
  readonly xname: string;
  readonly sshStatus: string;
  readonly podmanStatus: string;
  readonly nodeArch: string;
  /** -1 when it cannot be told. */
  readonly numCurrentJobs: number;
  readonly ableToRunJobs: boolean;
  /** When it answered last, UTC ISO 8601. */
  readonly lastSeen?: string;
  /** Why jobs cannot be started there, though it answers. */
  readonly trouble?: string;
  readonly freeBytes?: number;
  readonly freeMemoryBytes?: number;
}

const NOBODY_LOOKED = "nobody has looked at it yet; a service that runs jobs on nodes (IMS_JOBS=ssh) does.";

export interface RemoteBuildNodes {
  list(): Promise<Json<RemoteBuildNode[]>>;
  get(xname: string): Promise<Json<RemoteBuildNode>>;
  /** Registering the same xname again changes nothing and answers what is stored (behaviour 189). */
  create(node: RemoteBuildNode): Promise<RemoteBuildNode>;
  /** For good. */
  remove(xname: string): Promise<void>;
  removeAll(): Promise<void>;
  status(xname: string): Promise<NodeStatus>;
  statusAll(): Promise<NodeStatus[]>;
  /** Looks at all nodes and keeps what it sees, for `status` and for placing jobs; to be done now and then. Never throws. */
  watch(): Promise<void>;
}

export function createRemoteBuildNodes(ports: CorePorts): RemoteBuildNodes {
  const { records } = ports;

  async function end(xname: string): Promise<Departure> {
    const { version } = await getStored(records, "remote-build-node", xname);
    return { changes: [{ op: "remove", kind: "remote-build-node", id: xname, version }], objects: [] };
  }

  const remove = (xname: string) => changeSides(ports, xname, () => end(xname));

  async function register(value: RemoteBuildNode): Promise<RemoteBuildNode> {
    const id = value.xname;
    for (;;) {
      const stored = await records.get("remote-build-node", id);
      if (stored !== undefined) return stored.value;
      try {
        await records.commit([{ op: "insert", kind: "remote-build-node", id, value }]);
        return value;
      } catch (error) {
        if (!isDomainError(error, "lost-race")) throw error;
      }
    }
  }

  return {
    list: () => records.listJson("remote-build-node"),
    get: (xname) => getJson(records, "remote-build-node", xname),
    create: register,
    remove,
    removeAll: () => forEachRecord(ports, "remote-build-node", remove),
    status: async (xname) => {
      const { value } = await getStored(records, "remote-build-node", xname);
      return statusOf(value, (await records.get("node-state", xname))?.value);
    },
    statusAll: async () => {
      const states = new Map((await listValues(records, "node-state")).map((state) => [state.id, state]));
      return (await listValues(records, "remote-build-node")).map((node) =>
        statusOf(node, states.get(node.xname)),
      );
    },
    watch: createNodeWatch(ports),
  };
}

/** From what was seen of it last, so that nobody waits for a node that does not answer. */
function statusOf(node: RemoteBuildNode, last: NodeState | undefined): NodeStatus {
  const { xname } = node;
  const state = believed(node, last);
  const { facts, seen } = state ?? {};
  const lastSeen = seen === undefined ? {} : { lastSeen: seen };
  if (facts === undefined)
    return {
      xname,
      sshStatus: `Unable to connect to node. Error: ${state?.unreachable ?? NOBODY_LOOKED}`,
      podmanStatus: "Unknown",
      nodeArch: "Unknown",
      numCurrentJobs: -1,
      ableToRunJobs: false,
      ...lastSeen,
    };
  return {
    xname,
    sshStatus: "Connected",
    podmanStatus: facts.podman === undefined ? (facts.trouble ?? "Unknown") : `podman ${facts.podman}`,
    nodeArch: facts.machine,
    numCurrentJobs: facts.jobs,
    ableToRunJobs: facts.arch !== undefined && facts.trouble === undefined,
    ...lastSeen,
    ...(facts.trouble === undefined ? {} : { trouble: facts.trouble }),
    freeBytes: facts.free_bytes,
    freeMemoryBytes: facts.free_memory_bytes,
  };
}
