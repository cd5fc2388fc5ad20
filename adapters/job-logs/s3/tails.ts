/** The segment that a stream's next bytes go into, as it was written. */
export interface OpenSegment {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** Where a stream ends. */
export interface Tail {
  readonly size: number;
  /** Absent: what comes begins a segment of its own. */
  readonly open?: OpenSegment;
}

/** So many streams are remembered, those that were written last; each is no more than a segment. */
const KEPT = 64;

export interface Tails {
  /** One after the other for each stream, with what is known of its end; what comes out is known from then on. */
  inTurn(jobId: string, stream: number, work: (known: Tail | undefined) => Promise<Tail>): Promise<number>;
  readonly forget: (jobId: string) => void;
}

export function createTails(): Tails {
  const known = new Map<string, Tail>();
  const waiting = new Map<string, Promise<unknown>>();

  async function run(key: string, work: (known: Tail | undefined) => Promise<Tail>): Promise<number> {
    const before = known.get(key);
    known.delete(key);
    const tail = await work(before);
    known.set(key, tail);
    const [oldest] = known.keys();
    if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
    return tail.size;
  }

  return {
    async inTurn(jobId, stream, work) {
      const key = `${jobId}/${stream}`;
      const turn = (waiting.get(key) ?? Promise.resolve()).then(() => run(key, work));
      const ended = turn.catch(() => undefined);
      waiting.set(key, ended);
      try {
        return await turn;
      } finally {
        if (waiting.get(key) === ended) waiting.delete(key);
      }
    },
    forget(jobId) {
      for (const key of known.keys()) if (key.startsWith(`${jobId}/`)) known.delete(key);
    },
  };
}
