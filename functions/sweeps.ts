import type { Ims } from "../core/ims.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { Uses } from "./http/endpoint.ts";

interface Swept {
  readonly ims: Ims;
  readonly serving: { readonly telemetry: Telemetry };
  /** Removes what uploads left behind that were broken off. */
  readonly sweepObjects: () => Promise<unknown>;
}

/** Work that nobody asks for: one process does it all the time, functions are started for it. */
export interface Sweep {
  readonly summary: string;
  readonly everyMinutes: number;
  readonly uses: Uses;
  /** Never throws. Ends early by the signal. */
  readonly run: (swept: Swept, ending: AbortSignal) => Promise<void>;
}
export type SweepName = "settle" | "tidy";

export const SWEEPS: Readonly<Record<SweepName, Sweep>> = {
  settle: {
    summary: "Moves objects that no request waits for any more",
    everyMinutes: 1,
    uses: { records: "write", objects: "write" },
    run: ({ ims, serving }, ending) => told(serving.telemetry, "settle", ims.settle(ending)),
  },
  tidy: {
    summary: "Finishes what crashes left, removes old logs and forgotten uploads",
    everyMinutes: 15,
    uses: { records: "write", objects: "write", logs: "write" },
    async run({ ims, serving, sweepObjects }, ending) {
      for (const [what, work] of [
        ["recover", () => ims.recover(ending)],
        ["logs", () => ims.removeOldLogs(ending)],
        ["files", sweepObjects],
      ] as const)
        await told(serving.telemetry, what, work());
    },
  },
};

/**
 * A sweep has all the time that its function has: a move that is given up is begun anew by the next one, and a large
 * object would never be there.
 */
export function patient<C extends { readonly settings: { readonly moveWaitSeconds: number } }>(
  config: C,
  seconds: number,
): C {
  return { ...config, settings: { ...config.settings, moveWaitSeconds: seconds } };
}

async function told(telemetry: Telemetry, what: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) =>
    telemetry.emit({ event: "housekeeping-failed", level: "error", what, reason: String(error) }),
  );
}
