import { DomainError } from "../../core/errors.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import type { Records } from "../../core/ports/records.ts";

/** What happens at the n-th write from now, counted over records and objects. */
export interface Trouble {
  readonly at: number;
  /** The process dies before that write, or right after it; or both stores refuse the next ones for a while. */
  readonly kind: "dies before" | "dies after" | "refuses";
}

/** How many writes a store refuses before it is well again. */
const REFUSED = 3;

/** Lets others go on for a moment, which differs from call to call and is the same for the same seed. */
function createJitter(seed: number) {
  let state = seed;
  return async (): Promise<void> => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    for (let turns = (state >>> 16) % 4; turns > 0; turns -= 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  };
}

/** The same stores for a process that is to get into trouble; calls that are made at once end in any order. */
export function failingPorts(
  records: Records,
  artifacts: Artifacts,
  trouble: Trouble | undefined,
  seed: number,
) {
  const jitter = createJitter(seed);
  const state = { writes: 0, dead: false, refused: 0 };

  function alive(): void {
    if (state.dead) throw new Error("This process is dead.");
  }

  function die(): never {
    state.dead = true;
    throw new Error("The process dies.");
  }

  /** What befalls this write, if anything. */
  function befallen(): Trouble["kind"] | undefined {
    const n = state.writes - (trouble?.at ?? Number.POSITIVE_INFINITY);
    state.writes += 1;
    const lasts = trouble?.kind === "refuses" ? REFUSED : 1;
    return n >= 0 && n < lasts ? trouble?.kind : undefined;
  }

  async function write<T>(work: () => Promise<T>): Promise<T> {
    alive();
    await jitter();
    alive();
    const kind = befallen();
    if (kind === "refuses") {
      state.refused += 1;
      throw new DomainError("unavailable", "The store cannot be reached.");
    }
    if (kind === "dies before") die();
    const result = await work();
    if (kind === "dies after") die();
    await jitter();
    alive();
    return result;
  }

  async function read<T>(work: () => Promise<T>): Promise<T> {
    alive();
    await jitter();
    const result = await work();
    alive();
    return result;
  }

  return {
    state,
    records: {
      ...records,
      get: (kind, id) => read(() => records.get(kind, id)),
      list: (kind, page) => read(() => records.list(kind, page)),
      commit: (changes) => write(() => records.commit(changes)),
    } satisfies Records,
    artifacts: {
      ...artifacts,
      stat: (address) => read(() => artifacts.stat(address)),
      read: (address, range) => read(() => artifacts.read(address, range)),
      write: (address, source, options) => write(() => artifacts.write(address, source, options)),
      move: (from, to) => write(() => artifacts.move(from, to)),
      remove: (address) => write(() => artifacts.remove(address)),
    } satisfies Artifacts,
  };
}
