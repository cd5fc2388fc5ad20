const MIB = 2 ** 20;
/** Jobs ask for memory and disk in these. */
export const GIB = 2 ** 30;
/** Used up to this share of its limit, a job met with that limit and not with the machine's. */
const NEAR = 0.9;

/** What a job may use of something and did use, in bytes, as far as that is known. */
export interface Use {
  readonly limitBytes?: number | undefined;
  readonly peakBytes?: number | undefined;
}

/** Such as `1.5 GiB` or `300 MiB`. */
export function readable(bytes: number): string {
  return bytes < GIB ? `${Math.ceil(bytes / MIB)} MiB` : `${Number((bytes / GIB).toFixed(1))} GiB`;
}

/** What to do about a job whose memory ran out. */
export function memoryHint({ limitBytes, peakBytes }: Use): string {
  const used = peakBytes === undefined ? "" : ` and used ${readable(peakBytes)} at its peak`;
  if (limitBytes === undefined)
    return "Give the job more memory (job_mem_size), let fewer jobs run at once (IMS_MAX_JOBS), or use a machine with more.";
  const asked = `The job asked for ${readable(limitBytes)} (job_mem_size)${used}`;
  return peakBytes === undefined || peakBytes >= limitBytes * NEAR
    ? `${asked}: post it again with job_mem_size ${nextSize(limitBytes)}.`
    : `${asked}, so the machine's memory ran out: let fewer jobs run at once (IMS_MAX_JOBS), or use a machine with more.`;
}

/** The size to try next, in whole GiB as jobs ask for it. */
export function nextSize(bytes: number): number {
  return Math.max(1, Math.ceil((bytes * 2) / GIB));
}
