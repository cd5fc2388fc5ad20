import type { JobRef, ShellAddress } from "../../../core/ports/job-runner.ts";
import type { SshNode } from "../../ssh/connections.ts";
import type { SshRunnerConfig } from "./config.ts";
import type { Listing } from "./listing.ts";
import type { Nodes } from "./nodes.ts";
import { work } from "./remote.ts";
import { NOTE_SHELL, shell } from "./scripts.ts";
import { createPassedShells, type PassedShells, type Reach } from "./shells.ts";

const NOTE_MS = 8000;

/** Where users reach the shells of jobs. */
export interface ShellAddressBook {
  addressOf(ref: JobRef, port: number): Promise<ShellAddress>;
  /** A running job's shell answers where its users were told, also after a restart of the service. */
  keep(node: SshNode, jobId: string, listing: Listing): Promise<void>;
  close(jobId: string): void;
  closeAll(): void;
}

export function createShellAddressBook(config: SshRunnerConfig, nodes: Nodes): ShellAddressBook {
  const passed = config.shells.via === "service" ? createPassedShells(config.shells) : undefined;
  const reachOf =
    (node: SshNode): Reach =>
    async (port) =>
      await (await nodes.connect(node)).reach(port);

  /** Noted on the node, so that the same port leads there after a restart. */
  async function passOn(
    shells: PassedShells,
    node: SshNode,
    jobId: string,
    nodePort: number,
  ): Promise<ShellAddress> {
    const address = await shells.open(jobId, nodePort, reachOf(node));
    await work(node.xname, await nodes.connect(node), {
      argv: shell(NOTE_SHELL, config.folder, config.owner, jobId),
      input: `${JSON.stringify({ ...address, nodePort })}\n`,
      limitMs: NOTE_MS,
    });
    return address;
  }

  return {
    addressOf: async (ref, port) => {
      const node = await nodes.of(ref);
      return passed === undefined ? { host: node.host, port } : await passOn(passed, node, ref.jobId, port);
    },
    keep: async (node, jobId, { shells }) => {
      const note = shells.get(jobId);
      if (note !== undefined) await passed?.reopen(jobId, note, reachOf(node));
    },
    close: (jobId) => passed?.close(jobId),
    closeAll: () => passed?.closeAll(),
  };
}
