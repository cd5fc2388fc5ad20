import type { Journals } from "./artifacts/journals.ts";
import type { Ports } from "./ports/index.ts";

/** The ports, and what all parts of core must share on top of them. */
export interface CorePorts extends Ports {
  readonly journals: Journals;
}
