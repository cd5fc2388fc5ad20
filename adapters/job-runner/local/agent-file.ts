import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { asDomainError, isMissing } from "../../process/errors.ts";
import { readProcess } from "../../process/process-table.ts";

/** Which process is the agent of a work folder. `boot` tells the same pid and start after a reboot apart. */
const AgentFile = v.object({
  pid: v.number(),
  started: v.string(),
  boot: v.string(),
  attempt: v.number(),
});
export type AgentFile = v.InferOutput<typeof AgentFile>;

const NAME = "agent.json";

async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

async function sync(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Notes the agent so that it is there after a crash or a loss of power. */
export async function writeAgentFile(workFolder: string, agent: Omit<AgentFile, "boot">): Promise<void> {
  const text = JSON.stringify({ ...agent, boot: await bootId() });
  const path = join(workFolder, NAME);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await sync(workFolder);
}

/** The agent that was noted, if it still lives. */
export async function readLivingAgent(workFolder: string): Promise<AgentFile | undefined> {
  let text: string;
  try {
    text = await readFile(join(workFolder, NAME), "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asDomainError(error, "The work folder of a job cannot be read.");
  }
  const noted = v.safeParse(v.pipe(v.string(), v.parseJson(), AgentFile), text);
  if (!noted.success || noted.output.boot !== (await bootId())) return undefined;
  const { pid, started } = noted.output;
  return (await readProcess(pid))?.started === started ? noted.output : undefined;
}
