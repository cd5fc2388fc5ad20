import { listStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { DomainError, type FieldErrors, isDomainError } from "../errors.ts";
import type { RecordKind, RecordValue } from "../records.ts";

type EachPorts = Pick<CorePorts, "records" | "telemetry" | "journals">;

/**
 * Applies an operation to every record of a kind (or those that `chosen` accepts), one after the other; all of them
 * together wait for their objects no longer than one would (`patience`). Goes on past one that fails; a record that is gone meanwhile is as wanted.
 * @throws the first failure, with the messages of all by record id in `fields`.
 */
export async function forEachRecord<K extends RecordKind>(
  ports: EachPorts,
  kind: K,
  apply: (id: string, patience: number) => Promise<void>,
  chosen: (value: RecordValue<K>) => boolean = () => true,
): Promise<void> {
  const patience = ports.journals.patience();
  const failures: { readonly id: string; readonly error: unknown }[] = [];
  const records = await listStored(ports.records, kind);
  for (const { id } of records.filter(({ value }) => chosen(value)))
    await apply(id, patience).catch((error: unknown) => {
      if (!isDomainError(error, "not-found")) failures.push({ id, error });
    });
  const first = failures[0]?.error;
  if (first === undefined) return;
  const fields: FieldErrors = {};
  for (const { id, error } of failures) fields[id] = [messageOf(ports, id, error)];
  if (!isDomainError(first)) throw first;
  throw new DomainError(first.code, first.message, { cause: first, fields });
}

/** What is no DomainError is a fault of the service: the log has it, callers learn only that there is one. */
function messageOf({ telemetry }: EachPorts, id: string, error: unknown): string {
  if (isDomainError(error)) return error.message;
  const reason = error instanceof Error ? error.stack : String(error);
  telemetry.emit({ event: "record-failed", level: "error", id, reason });
  return "This record failed for a reason that the service's log tells.";
}
