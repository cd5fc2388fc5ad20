/** Runs a piece of work again and again, never twice at once, sooner when somebody asks for it. */
export interface Loop {
  /** Runs the work soon; asked during a run, it runs once more afterwards. */
  wake(): void;
  /** Ends the loop after the run under way. */
  stop(): Promise<void>;
}

/** `work` must not throw, and should end early when its signal says that the loop ends. */
export function startLoop(work: (ending: AbortSignal) => Promise<void>, intervalMs: number): Loop {
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let wanted = false;

  async function run(): Promise<void> {
    wanted = false;
    await work(ending.signal);
    running = undefined;
    if (!ending.signal.aborted) timer = setTimeout(start, wanted ? 0 : intervalMs);
  }

  function start(): void {
    clearTimeout(timer);
    running = run();
  }

  start();
  return {
    wake() {
      wanted = true;
      if (running !== undefined || ending.signal.aborted) return;
      clearTimeout(timer);
      timer = setTimeout(start, 0);
    },
    async stop() {
      ending.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
