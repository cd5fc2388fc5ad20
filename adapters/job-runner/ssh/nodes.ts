import { DomainError } from "../../../core/errors.ts";
import type { JobRef } from "../../../core/ports/job-runner.ts";
import type { SshConnection } from "../../ssh/connection.ts";
import { createSshConnections, type SshNode } from "../../ssh/connections.ts";
import type { SshRunnerConfig } from "./config.ts";
import { type Listing, readListing } from "./listing.ts";
import { work } from "./remote.ts";
import { LIST, NO_PODMAN, shell } from "./scripts.ts";
import { createTunnel } from "./tunnel.ts";

const LIST_MS = 12_000;
/** Looks at a node within this time are one. */
const FRESH_MS = 1000;

/** The nodes, with what is known of them. */
export interface Nodes {
  /** The node of a job. @throws `unavailable` when it is not registered */
  of(ref: JobRef): Promise<SshNode>;
  /** @throws `unavailable` */
  connect(node: SshNode): Promise<SshConnection>;
  /** What a node has of this service's jobs, at most a second old. @throws `unavailable` */
  list(node: SshNode): Promise<Listing>;
  /** Something of it was changed: the next look is a new one. */
  changed(xname: string): void;
  /** Whether a node has been out of reach for longer than the patience. */
  isLost(xname: string): boolean;
  close(): void;
}

export function createNodes(config: SshRunnerConfig): Nodes {
  const { folder, owner } = config;
  const tunnel = createTunnel(config);
  const connections = createSshConnections({
    keyFile: config.keyFile,
    nodes: config.nodes,
    timing: config.timing,
    prepare: ({ xname }, connection) => tunnel.open(xname, connection),
  });
  const listings = new Map<string, { readonly at: number; readonly listing: Promise<Listing> }>();

  async function look(node: SshNode): Promise<Listing> {
    const { xname } = node;
    const connection = await connections.to(node);
    const { stdout, exitCode } = await work(xname, connection, {
      argv: shell(LIST, folder, owner, tunnel.holder),
      limitMs: LIST_MS,
      expected: [NO_PODMAN],
    });
    if (exitCode === NO_PODMAN) throw new DomainError("unavailable", `Node ${xname} has no podman.`);
    const listing = readListing(xname, stdout);
    if (listing.tunnel === "gone") await tunnel.open(xname, connection);
    if (listing.tunnel === "free") await tunnel.take(xname, connection);
    return listing;
  }

  return {
    of: async ({ node }) => {
      const found = node === undefined ? undefined : await config.nodes.find(node);
      if (found !== undefined) return found;
      throw new DomainError("unavailable", `Node ${node ?? ""} is not registered.`);
    },
    connect: (node) => connections.to(node),
    // All jobs of a node are looked for at once, however many ask.
    list: async (node) => {
      const known = listings.get(node.xname);
      if (known !== undefined && performance.now() - known.at < FRESH_MS) return await known.listing;
      const own = { at: performance.now(), listing: look(node) };
      listings.set(node.xname, own);
      own.listing.catch(() => {
        if (listings.get(node.xname) === own) listings.delete(node.xname);
      });
      return await own.listing;
    },
    changed: (xname) => void listings.delete(xname),
    isLost: (xname) => {
      const since = connections.lostSince(xname);
      return since !== undefined && performance.now() - since >= config.patienceMs;
    },
    close: () => {
      connections.close();
      tunnel.close();
    },
  };
}
