import { DomainError, isDomainError } from "../../../core/errors.ts";
import type { AgentPresence, JobRef, JobRunner } from "../../../core/ports/job-runner.ts";
import type { NodeProbe } from "../../../core/ports/node-probe.ts";
import type { SshNode } from "../../ssh/connections.ts";
import type { SshRunnerConfig } from "./config.ts";
import { createLauncher } from "./launch.ts";
import { createNodes } from "./nodes.ts";
import { presenceOf } from "./presence.ts";
import { createProbe } from "./probe.ts";
import { work } from "./remote.ts";
import { shell, STOP, SWEEP } from "./scripts.ts";
import { createShellAddressBook } from "./shell-addresses.ts";

const STOP_MS = 300_000;
const SWEEP_MS = 60_000;
const SWEEP_EVERY_MS = 3_600_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/u;

/** The runner, and what else is asked of nodes by the same connections. */
export interface SshRunner extends JobRunner, NodeProbe {
  shellAddresses: NonNullable<JobRunner["shellAddresses"]>;
  close(): void;
}

/**
 * Runs each agent as a container on a remote build node, detached: it outlives this process and the connection, and is
 * found again by its name and labels.
 *
 * `stop` also resolves when the node has been out of reach for longer than the patience, or is not registered any more:
 * what is left there is found by `leftovers` once it answers again.
 */
export function createSshRunner(config: SshRunnerConfig): SshRunner {
  const nodes = createNodes(config);
  const launcher = createLauncher(config, nodes);
  const shells = createShellAddressBook(config, nodes);
  const leftOn = createSweeper(config, nodes, launcher);

  async function inspectOn(node: SshNode, jobId: string): Promise<AgentPresence> {
    const listing = await nodes.list(node);
    const presence = await presenceOf(node.xname, await nodes.connect(node), jobId, listing);
    if (presence.state === "running") await shells.keep(node, jobId, listing);
    if (presence.state !== "absent" || !launcher.isLaunching(jobId)) return presence;
    return { state: "unknown", reason: `It is being started on node ${node.xname}.` };
  }

  async function stopOn(node: SshNode, jobId: string): Promise<void> {
    const argv = shell(STOP, config.folder, config.owner, jobId);
    try {
      await work(node.xname, await nodes.connect(node), { argv, limitMs: STOP_MS });
    } catch (error) {
      if (!nodes.isLost(node.xname)) throw error;
      config.onTrouble(node.xname, `What is left of job ${jobId} is removed when the node answers again.`);
    } finally {
      nodes.changed(node.xname);
    }
  }

  return {
    name: "ssh",

    launch: async (order) => {
      checkName(order.jobId);
      await launcher.launch(order);
    },

    inspect: async ({ jobId, node: xname }) => {
      checkName(jobId);
      if (xname === undefined) return { state: "absent" };
      const node = await config.nodes.find(xname);
      if (node === undefined)
        return { state: "absent", cause: "node-lost", reason: `Node ${xname} is not registered any more.` };
      return await inspectOn(node, jobId).catch(cannotTell);
    },

    stop: async ({ jobId, node: xname }) => {
      checkName(jobId);
      shells.close(jobId);
      const node = xname === undefined ? undefined : await config.nodes.find(xname);
      if (node !== undefined) await stopOn(node, jobId);
    },

    leftovers: async () => {
      const left = await Promise.all((await config.nodes.list()).map(leftOn));
      return left.flat().toSorted((a, b) => (a.jobId < b.jobId ? -1 : 1));
    },

    shellAddresses: async (ref, port) => {
      const address = await shells.addressOf(ref, port);
      return { customer: address, cluster: address };
    },

    probe: createProbe(config, nodes, launcher),

    close: () => {
      shells.closeAll();
      nodes.close();
    },
  };
}

/** What is left on a node; nothing of one that does not answer. Now and then what nobody needs there is removed. */
function createSweeper(
  config: SshRunnerConfig,
  nodes: ReturnType<typeof createNodes>,
  launcher: ReturnType<typeof createLauncher>,
): (node: SshNode) => Promise<JobRef[]> {
  const swept = new Map<string, number>();

  async function sweep(node: SshNode): Promise<void> {
    if (performance.now() - (swept.get(node.xname) ?? Number.NEGATIVE_INFINITY) < SWEEP_EVERY_MS) return;
    swept.set(node.xname, performance.now());
    const words = [config.folder, config.owner, await launcher.imageDigest(), String(config.imageDays)];
    await work(node.xname, await nodes.connect(node), { argv: shell(SWEEP, ...words), limitMs: SWEEP_MS });
  }

  return async (node) => {
    try {
      const { containers, folders } = await nodes.list(node);
      await sweep(node);
      return [...new Set([...containers.keys(), ...folders])].map((jobId) => ({ jobId, node: node.xname }));
    } catch (error) {
      if (!isDomainError(error)) throw error;
      config.onTrouble(node.xname, error.message);
      return [];
    }
  };
}

function cannotTell(error: unknown): AgentPresence {
  if (isDomainError(error)) return { state: "unknown", reason: error.message };
  throw error;
}

function checkName(jobId: string): void {
  if (!NAME.test(jobId)) throw new DomainError("invalid", "This is no id of a job.");
}
