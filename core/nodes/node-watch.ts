import { isoTime, listValues } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { isDomainError } from "../errors.ts";
import type { Records } from "../ports/records.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import { within } from "../time-limit.ts";
import { addressOf, believed, isSameAddress, type NodeState, type RemoteBuildNode } from "./node.ts";

const PROBE_LIMIT_MS = 25_000;

/**
 * Looks at all nodes at once and keeps what it sees, for every process on the store. Never throws. Does nothing where
 * nobody reaches nodes.
 */
export function createNodeWatch(ports: CorePorts): () => Promise<void> {
  const { records, clock, telemetry } = ports;
  const probing = ports.nodeProbe;
  if (probing === undefined) return async () => undefined;
  const ask = (node: RemoteBuildNode) => probing.probe(node);

  async function look(node: RemoteBuildNode): Promise<Omit<NodeState, "id" | "at" | "seen">> {
    try {
      const facts = await within(clock, PROBE_LIMIT_MS, `Looking at node ${node.xname}`, ask(node));
      return { checked: isoTime(clock.now()), facts };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { checked: isoTime(clock.now()), unreachable: error.message };
    }
  }

  async function keep(node: RemoteBuildNode): Promise<void> {
    const seen = await look(node);
    const now = await unchanged(records, node);
    if (now === undefined) return;
    const stored = await records.get("node-state", node.xname);
    const before = believed(now, stored?.value);
    const value: NodeState = {
      id: node.xname,
      at: addressOf(now),
      ...(before?.seen === undefined ? {} : { seen: before.seen }),
      ...seen,
      ...(seen.facts === undefined ? {} : { seen: seen.checked }),
    };
    if (value.unreachable !== stored?.value.unreachable)
      telemetry.emit({
        event: "node-state",
        level: "warn",
        node: node.xname,
        unreachable: value.unreachable,
      });
    const where = { kind: "node-state", id: node.xname, value } as const;
    await records.commit([
      stored === undefined
        ? { op: "insert", ...where }
        : { op: "replace", version: stored.version, ...where },
    ]);
  }

  async function forget(known: ReadonlySet<string>): Promise<void> {
    for (const { id } of await listValues(records, "node-state")) {
      const stored = known.has(id) ? undefined : await records.get("node-state", id);
      if (stored === undefined) continue;
      await records.commit([{ op: "remove", kind: "node-state", id, version: stored.version }]);
    }
  }

  return async () => {
    await told(
      telemetry,
      "all",
      (async () => {
        const nodes = await listValues(records, "remote-build-node");
        await forget(new Set(nodes.map(({ xname }) => xname)));
        await Promise.all(nodes.map((node) => told(telemetry, node.xname, keep(node))));
      })(),
    );
  };
}

/** Its record now, maybe with the key that it has just shown; `undefined` when it was removed or registered anew. */
async function unchanged(records: Records, node: RemoteBuildNode): Promise<RemoteBuildNode | undefined> {
  const now = (await records.get("remote-build-node", node.xname))?.value;
  const key = node.host_key ?? now?.host_key;
  const expected = { ...addressOf(node), ...(key === undefined ? {} : { host_key: key }) };
  return now !== undefined && isSameAddress(expected, now) ? now : undefined;
}

async function told(telemetry: Telemetry, node: string, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    // Another process looked at the same moment.
    if (isDomainError(error, "lost-race")) return;
    telemetry.emit({ event: "node-watch-failed", level: "error", node, reason: String(error) });
  });
}
