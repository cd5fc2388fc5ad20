/** Work on jobs that goes on beside the reconciler, at most one piece for each job. */
export interface InFlight {
  has(jobId: string): boolean;
  /** Begins a piece of work, which must not throw; `undefined` when one of the job is still under way. */
  begin(jobId: string, work: () => Promise<void>): Promise<void> | undefined;
}

export function createInFlight(): InFlight {
  const jobs = new Set<string>();
  return {
    has: (jobId) => jobs.has(jobId),
    begin(jobId, work) {
      if (jobs.has(jobId)) return undefined;
      jobs.add(jobId);
      return work().finally(() => jobs.delete(jobId));
    },
  };
}
