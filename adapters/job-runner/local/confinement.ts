import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";
import type { JobLimits } from "../../../core/ports/job-runner.ts";
import type { RunCommand } from "../../../core/ports/commands.ts";
import { joinGroups } from "../../cgroups/groups.ts";
import { ownGroups } from "../../cgroups/job-groups.ts";
import { memoryUse } from "../../cgroups/memory.ts";
import type { MemoryUse } from "../../cgroups/memory.ts";
import { drawVeil, liftVeil } from "../../process/veil.ts";

const VARIABLE = "IMS_CONFINEMENT";

/** What the runner asks its agent to do for the isolation of the job before it begins to work. */
const Confinement = v.object({
  /** Whether nobody else sees what the agent mounts: only then it hides anything. */
  ownMounts: v.boolean(),
  /** Folders and files of the service that no job has to see. */
  hidden: v.pipe(v.array(v.string()), v.readonly()),
  /** What in them the agent needs, beside its work folder. */
  needed: v.pipe(v.array(v.string()), v.readonly()),
  /** Folders of the control groups that it joins. */
  groups: v.pipe(v.array(v.string()), v.readonly()),
  /** Whether the agent has the groups that it is in for itself, as in a container: they count what the job uses. */
  alone: v.optional(v.boolean()),
  /** What the job may use at most. */
  limits: v.optional(v.object({ memoryBytes: v.number(), diskBytes: v.number() })),
  /** What this machine does not give, each as the end of "Jobs run without ...". */
  lacks: v.pipe(v.array(v.string()), v.readonly()),
});
export type Confinement = v.InferOutput<typeof Confinement>;

/** How the runner tells its agent. It is no secret: the job's programs may read it. */
export function confinementEnvironment(confinement: Confinement): Readonly<Record<string, string>> {
  return { [VARIABLE]: JSON.stringify(confinement) };
}

/** What was asked of this agent; `undefined` when whoever started it asks nothing. @throws `invalid` */
export function readConfinement(
  environment: Readonly<Record<string, string | undefined>>,
): Confinement | undefined {
  const text = environment[VARIABLE];
  if (text === undefined) return undefined;
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Confinement), text);
  if (result.success) return result.output;
  throw new DomainError("invalid", `${VARIABLE} is not what a runner writes.`);
}

export interface Confined {
  /** What the job has to do without, each as the end of "Jobs run without ...". */
  readonly lacks: readonly string[];
  readonly limits: JobLimits | undefined;
  /** What the kernel counted of the job's memory; `undefined` where it does not. */
  readonly memory: () => Promise<MemoryUse | undefined>;
  /** Undoes what is in the way of cleaning up; the process must no longer be in the work folder. */
  release(): Promise<void>;
}

const unconfined: Confined = {
  lacks: [],
  limits: undefined,
  memory: async () => undefined,
  release: async () => undefined,
};

/** Does what was asked, as far as the machine lets it. The working folder of the process becomes `workFolder` anew. */
export async function confine(
  asked: Confinement | undefined,
  workFolder: string,
  run: RunCommand,
): Promise<Confined> {
  if (asked === undefined) return unconfined;
  await joinGroups(asked.groups);
  const { lacks, limits } = asked;
  const groups = asked.alone === true ? await ownGroups() : asked.groups;
  const confined = { ...unconfined, lacks, limits, memory: () => memoryUse(groups) };
  if (!asked.ownMounts) return confined;
  const kept = [workFolder, ...asked.groups, ...asked.needed];
  const veil = await drawVeil({ hidden: asked.hidden, kept, scratch: workFolder }, run);
  // It still is in the folder as it was before it was hidden, from where `..` leads past the cover.
  process.chdir(workFolder);
  return {
    ...confined,
    lacks: veil.problem === undefined ? lacks : [...lacks, `hiding all data (${veil.problem})`],
    release: () => liftVeil(veil, run),
  };
}
