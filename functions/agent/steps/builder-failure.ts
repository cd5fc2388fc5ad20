import type { FailureCode } from "../../../core/jobs/failure.ts";

/** What is to be said of a builder (kiwi, packer) that failed. */
export interface BuilderFailure {
  readonly code: FailureCode;
  /** The builder's own words, shortened. */
  readonly message: string;
  readonly hint: string;
}

/** Keeps so many characters of how a text begins, and of how it ends. */
export function shortened(text: string, beginning: number, end: number): string {
  return text.length <= beginning + end ? text : `${text.slice(0, beginning)} ... ${text.slice(-end)}`;
}
