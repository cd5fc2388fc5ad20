import { DomainError } from "../../core/errors.ts";

/** A UUID in lower case. */
export function isJobId(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u.test(text);
}

/** @throws `invalid` for anything else: it becomes the name of a folder. */
export function checkJobId(jobId: string): void {
  if (!isJobId(jobId)) throw new DomainError("invalid", "A job's id is a UUID in lower case.");
}

/** @throws `invalid` unless it is a whole number from 0. */
export function checkPosition(what: string, position: number): void {
  if (!Number.isSafeInteger(position) || position < 0)
    throw new DomainError("invalid", `The ${what} of a log is a whole number from 0.`);
}

export function gap(size: number, offset: number): DomainError {
  return new DomainError("conflict", `The log has ${size} bytes yet: none can follow at ${offset}.`);
}
