import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { Calls } from "./calls.ts";
import type { Key } from "./keys.ts";
import type { Places } from "./places.ts";

/** What all that read and write the table share. */
export interface Store {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly calls: Calls;
  readonly places: Places;
  readonly divided: Divided;
}

/**
 * Which records were seen to have their value in parts. Whoever replaces or removes such a record must remove its parts,
 * and knows of them from having read it, hence seldom has to be told by a condition that fails.
 */
export interface Divided {
  note(key: Key, version: number, parts: number): void;
  /** 0 for a record that nobody has seen so. */
  partsOf(key: Key, version: number): number;
}

const MOST_KEPT = 10_000;

export function createDivided(): Divided {
  const seen = new Map<string, { version: number; parts: number }>();
  const nameOf = ({ pk, sk }: Key): string => `${pk} ${sk}`;
  return {
    note(key, version, parts) {
      const name = nameOf(key);
      seen.delete(name);
      if (parts > 0) seen.set(name, { version, parts });
      const oldest = seen.keys().next().value;
      if (seen.size > MOST_KEPT && oldest !== undefined) seen.delete(oldest);
    },
    partsOf(key, version) {
      const found = seen.get(nameOf(key));
      return found?.version === version ? found.parts : 0;
    },
  };
}
