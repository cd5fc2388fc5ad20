import { constants } from "node:os";
import type { AgentPresence } from "../../../core/ports/job-runner.ts";
import type { SshConnection } from "../../ssh/connection.ts";
import type { Container, Listing } from "./listing.ts";
import { work } from "./remote.ts";
import { EXAMINE, shell } from "./scripts.ts";

type Absent = Extract<AgentPresence, { state: "absent" }>;

const LIMIT_MS = 10_000;
const LONGEST_WORDS = 300;
const KILLED = 128 + constants.signals.SIGKILL;

/** What a container's state says of its agent. */
export async function presenceOf(
  node: string,
  connection: SshConnection,
  jobId: string,
  { boot, containers, folders }: Listing,
): Promise<AgentPresence> {
  const container = containers.get(jobId);
  if (container === undefined) return { state: "absent" };
  if (container.boot !== boot) return restarted(node);
  if (container.starting) return { state: "unknown", reason: `It is being started on node ${node}.` };
  if (!container.running) return await ending(node, connection, container);
  return folders.has(jobId) ? { state: "running" } : { state: "absent", cause: "work-folder-gone" };
}

function restarted(node: string): Absent {
  return { state: "absent", cause: "node-lost", reason: `Node ${node} was restarted.` };
}

async function ending(node: string, connection: SshConnection, container: Container): Promise<AgentPresence> {
  const { stdout, exitCode } = await work(node, connection, {
    argv: shell(EXAMINE, container.name),
    limitMs: LIMIT_MS,
    // It may have been removed since it was listed.
    expected: [1, 125],
  });
  if (exitCode !== 0) return { state: "absent" };
  const [facts = "", ...said] = stdout.trimEnd().split("\n");
  const [code = "", oom] = facts.split(" ");
  const words = said.at(-1)?.slice(0, LONGEST_WORDS);
  const reason = [howItEnded(Number(code)), ...(words === undefined ? [] : [words])].join(": ");
  if (oom !== "true" || Number(code) !== KILLED) return { state: "absent", reason };
  return { state: "absent", reason, cause: "oom-killed", memory: { limitBytes: container.memoryBytes } };
}

export function howItEnded(exitCode: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return signal === undefined ? `exit code ${exitCode}` : `killed by ${signal}`;
}
