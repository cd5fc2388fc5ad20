/** Runs work one after the other for each key, in the order in which it was asked for. */
export function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(key) ?? Promise.resolve();
    const ours = before.then(work, work);
    last.set(key, ours);
    try {
      return await ours;
    } finally {
      if (last.get(key) === ours) last.delete(key);
    }
  };
}
