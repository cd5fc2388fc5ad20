import type { Telemetry } from "../ports/telemetry.ts";
import type { Tokens } from "./tokens.ts";

/** The same tokens; each change by `who` leaves an audit line, with the token's id and never its text. */
export function auditedTokens(tokens: Tokens, telemetry: Telemetry, who: string): Tokens {
  const audited = async <T>(
    operation: string,
    work: Promise<T>,
    record: string | ((result: T) => string | undefined),
  ): Promise<T> => {
    const tell = (outcome: "done" | "refused", id: string | undefined) =>
      telemetry.emit({ event: "audit", level: "info", who, operation, record: id, outcome });
    try {
      const result = await work;
      tell("done", typeof record === "string" ? record : record(result));
      return result;
    } catch (error) {
      tell("refused", typeof record === "string" ? record : undefined);
      throw error;
    }
  };
  return {
    ...tokens,
    create: (name, role) => audited("create_token", tokens.create(name, role), (text) => text.split(".")[1]),
    revoke: (id) => audited("revoke_token", tokens.revoke(id), id),
  };
}
