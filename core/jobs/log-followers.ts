import type { Ports } from "../ports/index.ts";
import {
  createFollowedLog,
  type FollowedLog,
  type FollowPorts,
  type JobNews,
  type LogNews,
} from "./followed-log.ts";
import { type Appended, heardPorts } from "./heard-ports.ts";

/** Everybody in this process who follows a job's log. */
export interface LogFollowers {
  /**
   * What the job's log has from a byte position on and what it gets, as soon as it is there, in between what becomes of
   * the job, and in the end how it ended. Nothing happens before the first step; leaving the iteration frees all of it
   * at once, also while it waits. Read at the reader's own speed: one that is slow or pauses holds a single piece.
   */
  follow(jobId: string, position: number): AsyncIterable<LogNews>;
  /** Ends every iteration, those that are yet to begin included, without a last word. */
  close(): void;
  count(): number;
  /** The ports as they are, but followers hear at once of what is done through them. */
  readonly heard: Pick<Ports, "records" | "logs">;
}

/** What other processes on the same store add to a log is found out so often, once for all followers of a job. */
const LOOK_MS = 700;
/** What they do with the job itself, which is two more reads, only so often. */
const JOB_LOOK_MS = 2000;

interface Follower {
  /** Called when there may be news. */
  readonly wake: () => void;
  readonly leave: () => void;
}

interface Followed {
  readonly log: FollowedLog;
  readonly followers: Set<Follower>;
}

export function createLogFollowers(ports: FollowPorts): LogFollowers {
  const audience = createAudience(ports);
  let closed = false;

  function follow(jobId: string, position: number): AsyncIterable<LogNews> {
    const pause = createPause();
    let left = false;
    const follower = {
      wake: pause.end,
      leave: () => {
        left = true;
        pause.end();
      },
    };

    async function* iterate(): AsyncGenerator<LogNews> {
      if (closed) return;
      const log = audience.enter(jobId, follower);
      try {
        yield* news(log, position, pause, () => left);
      } finally {
        audience.leave(jobId, follower);
      }
    }

    return leavable(iterate(), follower.leave);
  }

  return {
    follow,
    close() {
      closed = true;
      for (const follower of audience.everybody()) follower.leave();
    },
    count: () => audience.everybody().length,
    heard: heardPorts(ports, audience),
  };
}

/** Who follows which job. One look for all of them finds out what other processes did. */
function createAudience(ports: FollowPorts) {
  const jobs = new Map<string, Followed>();
  let looking: AbortController | undefined;

  const wake = ({ followers }: Followed): void => {
    for (const follower of followers) follower.wake();
  };

  async function lookNowAndThen({ signal }: AbortController): Promise<void> {
    let looked = ports.clock.now();
    while (!signal.aborted) {
      await ports.clock.sleep(LOOK_MS, signal).catch(() => undefined);
      const now = ports.clock.now();
      const isJobDue = now - looked >= JOB_LOOK_MS;
      if (isJobDue) looked = now;
      for (const followed of signal.aborted ? [] : jobs.values()) {
        if (isJobDue) followed.log.jobChanged();
        followed.log.logGrew();
        wake(followed);
      }
    }
  }

  function tell(jobId: string, what: (log: FollowedLog) => void): void {
    const followed = jobs.get(jobId);
    if (followed === undefined) return;
    what(followed.log);
    wake(followed);
  }

  return {
    enter(jobId: string, follower: Follower): FollowedLog {
      const followed = jobs.get(jobId) ?? { log: createFollowedLog(ports, jobId), followers: new Set() };
      jobs.set(jobId, followed);
      followed.followers.add(follower);
      if (looking === undefined) void lookNowAndThen((looking = new AbortController()));
      return followed.log;
    },
    leave(jobId: string, follower: Follower): void {
      const followers = jobs.get(jobId)?.followers;
      followers?.delete(follower);
      if (followers?.size === 0) jobs.delete(jobId);
      if (jobs.size > 0) return;
      looking?.abort();
      looking = undefined;
    },
    everybody: (): Follower[] => [...jobs.values()].flatMap(({ followers }) => [...followers]),
    jobChanged: (jobId: string) => tell(jobId, (log) => log.jobChanged()),
    logGrew: (jobId: string, appended: Appended) => tell(jobId, (log) => log.logGrew(appended)),
  };
}

async function* news(
  log: FollowedLog,
  from: number,
  pause: Pause,
  isLeft: () => boolean,
): AsyncGenerator<LogNews> {
  let position = from;
  let told: JobNews | undefined;
  while (!isLeft()) {
    pause.prepare();
    const job = await log.job();
    if (job === undefined) return yield { is: "deleted" };
    if (job.news !== told) yield (told = job.news);
    const piece = (await log.piece(position)) ?? (job.isComplete ? await log.rest(position) : undefined);
    if (piece !== undefined) {
      position = piece.end;
      yield piece;
    } else if (job.isComplete) {
      return yield { is: "end", status: job.news.status, error: job.error, end: position };
    } else {
      await pause.wait();
    }
  }
}

/** Waiting that misses nothing that happens after it was prepared. */
interface Pause {
  prepare(): void;
  wait(): Promise<void>;
  readonly end: () => void;
}

function createPause(): Pause {
  let pause = Promise.withResolvers<void>();
  return {
    prepare: () => (pause = Promise.withResolvers()),
    wait: async () => await pause.promise,
    end: () => pause.resolve(),
  };
}

/** A generator that waits hears of its end only when it no longer waits: `leave` has to end its waiting. */
function leavable<T>(generator: AsyncGenerator<T>, leave: () => void): AsyncIterableIterator<T> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => await generator.next(),
    async return() {
      leave();
      return await generator.return(undefined);
    },
  };
}
