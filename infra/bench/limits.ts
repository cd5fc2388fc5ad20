interface Limit {
  /** Of the results it holds for. */
  readonly key: RegExp;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What is wanted of each bench's results. The first that fits counts. */
const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  start: [
    { key: /^sourceRatio$/u, atMost: 6 },
    { key: /^bundledRatio$/u, atMost: 3 },
  ],
  transfer: [
    { key: /^(?:uploadRatioWithDigests|downloadRatio)$/u, atLeast: 0.5 },
    { key: /^serverPeakMiB$/u, atMost: 200 },
  ],
  logs: [
    { key: /^latencyP99Ms$/u, atMost: 300 },
    { key: /^coreShare/u, atMost: 0.05 },
  ],
  "localstack-records": [{ key: /^(?:read|readJson|write|commit)Ratio$/u, atMost: 1.15 }],
  "localstack-artifacts": [
    { key: /^(?:up|down)Ratio$/u, atMost: 1.15 },
    { key: /^streamPeakMiB$/u, atMost: 150 },
  ],
  kubernetes: [
    { key: /^jobAbovePodSeconds$/u, atMost: 1.5 },
    { key: /^lineP99Ms$/u, atMost: 500 },
    { key: /^idleCoreShare$/u, atMost: 0.03 },
    { key: /^listsOfJobsPerMinute$/u, atMost: 10 },
  ],
  ssh: [
    { key: /^jobAboveRunSeconds$/u, atMost: 1 },
    { key: /^lineP99Ms$/u, atMost: 500 },
  ],
  functions: [
    { key: /^mostKiBWithoutSdk$/u, atMost: 100 },
    { key: /^mostKiBWithSdk$/u, atMost: 900 },
    { key: /^workerGzipKiB$/u, atMost: 150 },
    { key: /^coldRatioWithoutSdk$/u, atMost: 2 },
    { key: /^coldRatio(?:Records|Everything)$/u, atMost: 5 },
    { key: /^memory/u, atMost: 90 },
    { key: /^warm(?:Lambda|Worker)Ratio$/u, atMost: 1.1 },
  ],
  customize: [{ key: /^jobRatio$/u, atMost: 1.25 }],
  job: [{ key: /^overheadRatio$/u, atMost: 0.1 }],
  api: [
    { key: /^getToBareNode/u, atLeast: 0.7 },
    { key: /^listToBareNode/u, atLeast: 0.5 },
    { key: /^repeatedListCpuMs/u, atMost: 1 },
    { key: /^postToStore/u, atLeast: 0.4 },
    { key: /^postAt100000RecordsToNone$/u, atLeast: 0.8 },
    { key: /^movingToIdleP99/u, atMost: 1.5 },
    { key: /^serverPeakMiB/u, atMost: 250 },
  ],
};

/** A result as a line of the table, with the limit beside it where there is one. */
export function resultLine(bench: string, key: string, value: number): string {
  const limit = LIMITS[bench]?.find((one) => one.key.test(key));
  const line = `  ${key.padEnd(48)} ${value.toFixed(3).padStart(12)}`;
  if (limit === undefined) return line;
  const { atLeast = -Infinity, atMost = Infinity } = limit;
  const wanted = limit.atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return `${line}   ${wanted.padEnd(14)} ${value >= atLeast && value <= atMost ? "ok" : "MISSED"}`;
}
