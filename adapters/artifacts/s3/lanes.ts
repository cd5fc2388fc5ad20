/** Work that goes on side by side, up to a number of pieces and of bytes at once. */
export interface Lanes {
  /** Resolves once the work has begun. @throws what an earlier piece failed with */
  start(bytes: number, work: () => Promise<void>): Promise<void>;
  /** Resolves when all has ended. @throws the first failure */
  finish(): Promise<void>;
  /** As `finish`, whatever became of it. */
  settled(): Promise<void>;
}

export function createLanes(mostPieces: number, mostBytes: number): Lanes {
  const running = new Map<Promise<void>, number>();
  let failure: { readonly error: unknown } | undefined;
  const busy = () => [...running.values()].reduce((sum, bytes) => sum + bytes, 0);
  const check = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  const settled = async (): Promise<void> => {
    while (running.size > 0) await Promise.race(running.keys());
  };
  return {
    async start(bytes, work) {
      while (running.size > 0 && (running.size >= mostPieces || busy() + bytes > mostBytes))
        await Promise.race(running.keys());
      check();
      const piece: Promise<void> = work()
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(piece));
      running.set(piece, bytes);
    },
    async finish() {
      await settled();
      check();
    },
    settled,
  };
}
