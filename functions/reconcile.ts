/** Runs a piece of work again and again, never twice at once, sooner when somebody asks for it. */
export interface Loop {
  /** Runs the work soon; asked during a run, it runs once more afterwards. */
  wake(): void;
  /** Ends the loop after the run under way. */
  stop(): Promise<void>;
}

/** `work` must not throw. */
export function startLoop(work: () => Promise<void>, intervalMs: number): Loop {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let wanted = false;
  let stopped = false;

  async function run(): Promise<void> {
    wanted = false;
    await work();
    running = undefined;
    if (!stopped) timer = setTimeout(start, wanted ? 0 : intervalMs);
  }

  function start(): void {
    clearTimeout(timer);
    running = run();
  }

  start();
  return {
    wake() {
      wanted = true;
      if (running !== undefined || stopped) return;
      clearTimeout(timer);
      timer = setTimeout(start, 0);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
