import type { Arch } from "../arch.ts";
import type { RunnerName } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import { chooseSlots } from "./slots.ts";

/** Where a job is worked on. */
export interface Place {
  readonly runner: RunnerName;
  /** Of a runner that has several. */
  readonly node?: string | undefined;
}

/** What a job needs of its place. */
export interface Need {
  readonly arch: Arch | undefined;
}

export type PlaceChoice =
  | { readonly place: Place; readonly slots: readonly string[] }
  /** `everybody`: no other job can have a place either. */
  | { readonly full: string; readonly everybody: boolean };

const NOT_HERE = "The job waits for the process of the service that runs jobs.";

/** The first of the runners, in order of preference, that has room. `random` in [0, 1). */
export function choosePlace(
  { arch }: Need,
  runners: readonly RunnerName[],
  held: ReadonlySet<string>,
  settings: Settings["jobs"],
  random: () => number,
): PlaceChoice {
  const reasons: string[] = [];
  for (const runner of runners) {
    const choice = chooseSlots({ arch, runner }, held, settings, random);
    if ("slots" in choice) return { place: { runner }, slots: choice.slots };
    if (choice.everybody) return choice;
    if (!reasons.includes(choice.full)) reasons.push(choice.full);
  }
  if (reasons.length === 0) return { full: NOT_HERE, everybody: true };
  return { full: reasons.join(" "), everybody: false };
}
