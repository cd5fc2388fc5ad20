import * as v from "valibot";

/** Every status of the API of record, plus `packaging_artifacts`, which real clients and build pods use. */
export const JOB_STATUSES = [
  "creating",
  "fetching_image",
  "fetching_recipe",
  "waiting_for_repos",
  "building_image",
  "packaging_artifacts",
  "waiting_on_user",
  "error",
  "success",
] as const;
export const JobStatus = v.picklist(JOB_STATUSES);
export type JobStatus = v.InferOutput<typeof JobStatus>;

/** The phases that end after a time of their own. `creating` is waiting for one's turn, which takes what it takes. */
export const LIMITED_PHASES = [
  "fetching_image",
  "fetching_recipe",
  "waiting_for_repos",
  "building_image",
  "packaging_artifacts",
  "waiting_on_user",
] as const satisfies readonly JobStatus[];
export type LimitedPhase = (typeof LIMITED_PHASES)[number];

export const JOB_TYPES = ["create", "customize"] as const;
export const JobType = v.picklist(JOB_TYPES);
export type JobType = v.InferOutput<typeof JobType>;

export function isTerminal(status: JobStatus): boolean {
  return status === "success" || status === "error";
}

const ORDER: Record<JobType, readonly JobStatus[]> = {
  create: ["creating", "fetching_recipe", "waiting_for_repos", "building_image", "packaging_artifacts"],
  customize: ["creating", "fetching_image", "waiting_on_user", "packaging_artifacts"],
};

/**
 * Whether an agent may report this status now: forward along the job type's road, or the same again. A debug shell of
 * a failed create is `waiting_on_user`, from anywhere. Terminal states are not reported but reached by finish and fail.
 */
export function agentMayReport(type: JobType, from: JobStatus, to: JobStatus): boolean {
  if (isTerminal(from) || isTerminal(to)) return false;
  if (type === "create" && to === "waiting_on_user") return true;
  const road = ORDER[type];
  return road.includes(to) && road.indexOf(to) >= road.indexOf(from);
}
