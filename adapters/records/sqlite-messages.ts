import type { ErrorCode } from "../../core/errors.ts";
import type { EncodedCommit } from "./encode.ts";

/** What the writer thread is started with. */
export interface WriterData {
  /** The store's file, absolute. */
  readonly path: string;
  /** What `fileIdentity` said of it when the store was opened. */
  readonly identity: string;
}

/** To the writer thread; it answers each `commit` with a WriterReply, in order, and exits after `close`. */
export type WriterRequest =
  | { readonly do: "commit"; readonly commits: readonly EncodedCommit[] }
  | { readonly do: "close" };

/** One outcome for each commit of the request, in its order. */
export type WriterReply = readonly CommitOutcome[];

export type CommitOutcome =
  | { readonly is: "done" }
  | { readonly is: "lost"; readonly kind: string; readonly id: string }
  | { readonly is: "failed"; readonly code: ErrorCode; readonly message: string; readonly cause: unknown };
