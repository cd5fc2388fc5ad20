import { readFile } from "node:fs/promises";
import { DomainError } from "../../../core/errors.ts";
import type { LaunchOrder } from "../../../core/ports/job-runner.ts";
import { asDomainError } from "../../process/errors.ts";
import type { SshNode } from "../../ssh/connections.ts";
import { createAgentImage } from "./agent-image.ts";
import type { SshRunnerConfig } from "./config.ts";
import { containerWords } from "./container.ts";
import type { Nodes } from "./nodes.ts";
import { work } from "./remote.ts";
import { CUT_SHORT, IMAGE_MISSING, LAUNCH, shell } from "./scripts.ts";
import { sendImage } from "./send-image.ts";

const LAUNCH_MS = 120_000;

export interface Launcher {
  launch(order: LaunchOrder): Promise<void>;
  /** Whether this process is starting that job right now. */
  isLaunching(jobId: string): boolean;
  /** Sees to it that a node has the agent's image, and answers the digest of its archive. */
  bringImage(node: SshNode): Promise<string>;
  imageDigest(): Promise<string>;
}

export function createLauncher(config: SshRunnerConfig, nodes: Nodes): Launcher {
  const { folder, owner } = config;
  const image = createAgentImage(config);
  const sending = new Map<string, Promise<string>>();
  const launching = new Map<string, number>();

  async function send(node: SshNode): Promise<string> {
    const sendable = await image();
    await sendImage(node.xname, await nodes.connect(node), folder, sendable);
    return sendable.digest;
  }

  /** However many jobs wait for it. */
  async function bringImage(node: SshNode): Promise<string> {
    const running = sending.get(node.xname);
    if (running !== undefined) return await running;
    const sent = send(node).finally(() => sending.delete(node.xname));
    sending.set(node.xname, sent);
    return await sent;
  }

  async function start(node: SshNode, order: LaunchOrder, digest: string): Promise<boolean> {
    const authority = await authorityOf(config.authorityFile);
    const facts = { ...config, tunnelled: config.tunnel !== undefined, authority: authority !== "" };
    const { jobId, attempt, token } = order;
    const own = [folder, owner, jobId, String(attempt), digest];
    const { exitCode } = await work(node.xname, await nodes.connect(node), {
      argv: shell(LAUNCH, ...own, ...containerWords(order, facts)),
      input: `${JSON.stringify({ token })}\n${authority}`,
      limitMs: LAUNCH_MS,
      expected: [IMAGE_MISSING, CUT_SHORT],
    });
    if (exitCode !== CUT_SHORT) return exitCode === 0;
    throw new DomainError(
      "unavailable",
      `The connection to node ${node.xname} broke as the agent was started.`,
    );
  }

  /** The image is looked for when it is missed: mostly it is there. */
  async function launch(order: LaunchOrder): Promise<void> {
    const node = await nodes.of(order);
    if (await start(node, order, (await image()).digest)) return;
    if (await start(node, order, await bringImage(node))) return;
    throw new DomainError("unavailable", `Node ${node.xname} does not keep the agent's image.`);
  }

  return {
    launch: async (order) => {
      const { jobId } = order;
      launching.set(jobId, (launching.get(jobId) ?? 0) + 1);
      try {
        await launch(order);
      } finally {
        const others = (launching.get(jobId) ?? 1) - 1;
        if (others === 0) launching.delete(jobId);
        else launching.set(jobId, others);
        if (order.node !== undefined) nodes.changed(order.node);
      }
    },
    isLaunching: (jobId) => launching.has(jobId),
    bringImage,
    imageDigest: async () => (await image()).digest,
  };
}

async function authorityOf(file: string | undefined): Promise<string> {
  if (file === undefined) return "";
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw asDomainError(error, "The certificates that agents are to trust cannot be read.");
  }
}
