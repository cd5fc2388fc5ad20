import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import type { Arch } from "../../../core/arch.ts";
import type { NodeProbe } from "../../../core/ports/node-probe.ts";
import { DomainError } from "../../../core/errors.ts";
import type { SshNode } from "../../ssh/connections.ts";
import type { SshRunnerConfig } from "./config.ts";
import type { Launcher } from "./launch.ts";
import type { Nodes } from "./nodes.ts";
import { work } from "./remote.ts";
import { PROBE, shell } from "./scripts.ts";

const LIMIT_MS = 15_000;
/** Looking whether the image is there takes so long at most; copying it goes on. */
const IMAGE_MS = 3000;

const ARCHS: Readonly<Record<string, Arch>> = { x86_64: "x86_64", aarch64: "aarch64", arm64: "aarch64" };

const number = v.pipe(v.string(), v.nonEmpty(), v.transform(Number), v.finite());
const Facts = v.object({
  arch: v.string(),
  disk: number,
  memory: number,
  jobs: number,
  podman: v.optional(v.string()),
  broken: v.optional(v.string()),
});
type Facts = v.InferOutput<typeof Facts>;

/** Looks at a node, and sees to it that it gets the agent's image. */
export function createProbe(config: SshRunnerConfig, nodes: Nodes, launcher: Launcher): NodeProbe["probe"] {
  async function imageTrouble(node: SshNode): Promise<string | undefined> {
    let trouble: string | undefined = `The agent's image is being copied to node ${node.xname}.`;
    const brought = launcher.bringImage(node).then(
      () => (trouble = undefined),
      (error: unknown) => (trouble = error instanceof Error ? error.message : String(error)),
    );
    await Promise.race([brought, delay(IMAGE_MS, undefined, { ref: false })]);
    return trouble;
  }

  return async ({ xname }) => {
    const node = await nodes.of({ jobId: "", node: xname });
    const argv = shell(PROBE, config.folder);
    const { stdout } = await work(xname, await nodes.connect(node), { argv, limitMs: LIMIT_MS });
    const { arch: machine, disk, memory, jobs, podman, broken } = factsOf(xname, stdout);
    const arch = ARCHS[machine];
    const trouble = podman === undefined ? (broken ?? "podman is not installed") : await imageTrouble(node);
    return {
      ...(arch === undefined ? {} : { arch }),
      machine,
      ...(podman === undefined ? {} : { podman }),
      ...(trouble === undefined ? {} : { trouble }),
      jobs,
      free_bytes: disk,
      free_memory_bytes: memory,
    };
  };
}

/** Lines of a word and its value. */
function factsOf(xname: string, text: string): Facts {
  const lines = text.split("\n").map((line) => /^(\w+) (.*)$/u.exec(line));
  const entries = lines.flatMap((found) => (found === null ? [] : [[found[1], found[2]]]));
  const facts = v.safeParse(Facts, Object.fromEntries(entries));
  if (facts.success) return facts.output;
  throw new DomainError("unavailable", `Node ${xname} describes itself in words that are not understood.`);
}
