import type { TransferTool } from "../../core/ports/agent-tools.ts";
import { download } from "./download.ts";
import type { Persistence } from "./persistence.ts";
import { upload } from "./upload.ts";

export interface TransferConfig extends Partial<Persistence> {
  /** A connection that is silent for so long is given up; 120,000 by default. */
  readonly idleMs?: number;
}

/** Moves large files between this machine and URLs that carry their own permission. */
export function createTransfer(config: TransferConfig = {}): TransferTool {
  const persistence = { firstPauseMs: 500, patienceMs: 180_000, idleMs: 120_000, ...config };
  return {
    // a broken download goes on where it was, a broken upload begins anew
    download: (order) => download(order, { maxTries: 50, ...persistence }),
    upload: (order) => upload(order, { maxTries: 8, ...persistence }),
  };
}
