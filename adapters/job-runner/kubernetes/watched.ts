import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import type { Cluster, Kind } from "./api/cluster.ts";
import { type AnyObject, Status, understood } from "./api/views.ts";

/** Objects of one kind as they are now, without asking. */
export interface Watched<T> {
  /** Resolves once all that was there at the beginning is known. */
  ready(): Promise<void>;
  /** By name. */
  objects(): ReadonlyMap<string, T>;
  close(): void;
}

export interface WatchOptions<T> {
  readonly kind: Kind;
  readonly labelSelector: string;
  readonly read: v.GenericSchema<unknown, T>;
  /** Told of every object that was changed, and of those that are gone. */
  readonly onChange?: (object: T, gone: boolean) => void;
  /** Told when a watch broke, or begins anew; never of what is usual. */
  readonly onTrouble?: (why: string) => void;
}

/** The server ends a watch after so long, by itself; a connection that died without a word is noticed a little later. */
const WATCH_SECONDS = 240;
const SILENCE_MILLISECONDS = 120_000;
const LONGEST_PAUSE_MILLISECONDS = 5000;

const Event = v.object({ type: v.string(), object: v.unknown() });
/** What a watch can no longer tell, because it is too old: everything has to be listed anew. */
const EXPIRED = 410;

interface State<T> {
  readonly objects: Map<string, T>;
  resourceVersion: string | undefined;
}

/**
 * Keeps objects by one list and a watch from there on, which is resumed where it broke (the server was restarted, a
 * connection was cut), and begun by a new list where that is not possible.
 */
export function watchObjects<T extends AnyObject>(cluster: Cluster, options: WatchOptions<T>): Watched<T> {
  const state: State<T> = { objects: new Map(), resourceVersion: undefined };
  const ending = new AbortController();
  const listed = Promise.withResolvers<void>();
  void run(cluster, options, state, ending.signal, listed.resolve);
  return {
    ready: () => listed.promise,
    objects: () => state.objects,
    close: () => ending.abort(),
  };
}

async function run<T extends AnyObject>(
  cluster: Cluster,
  options: WatchOptions<T>,
  state: State<T>,
  signal: AbortSignal,
  ready: () => void,
): Promise<void> {
  let pause = 0;
  while (!signal.aborted) {
    try {
      if (state.resourceVersion === undefined) await listAnew(cluster, options, state);
      ready();
      await follow(cluster, options, state, signal);
      pause = 0;
    } catch (error) {
      if (signal.aborted) return;
      pause = Math.min(LONGEST_PAUSE_MILLISECONDS, pause * 2 + 100);
      options.onTrouble?.(error instanceof Error ? error.message : String(error));
    }
    await delay(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
  }
}

async function listAnew<T extends AnyObject>(
  cluster: Cluster,
  { kind, labelSelector, onChange, read }: WatchOptions<T>,
  state: State<T>,
): Promise<void> {
  const { items, resourceVersion } = await cluster.list(kind, { labelSelector });
  const found = new Map(
    items.map((item) => understood(read, item)).map((object) => [object.metadata.name, object]),
  );
  for (const [name, object] of state.objects)
    if (found.get(name)?.metadata.uid !== object.metadata.uid) {
      state.objects.delete(name);
      onChange?.(object, true);
    }
  for (const [name, object] of found) {
    state.objects.set(name, object);
    onChange?.(object, false);
  }
  state.resourceVersion = resourceVersion;
}

/** Until the server ends the watch, which is usual. @throws when it broke */
async function follow<T extends AnyObject>(
  cluster: Cluster,
  options: WatchOptions<T>,
  state: State<T>,
  signal: AbortSignal,
): Promise<void> {
  const silence = new AbortController();
  const watchdog = setTimeout(
    () => silence.abort(new Error("The watch has gone silent.")),
    SILENCE_MILLISECONDS,
  );
  const query = {
    labelSelector: options.labelSelector,
    resourceVersion: state.resourceVersion ?? "",
    allowWatchBookmarks: "true",
    timeoutSeconds: String(WATCH_SECONDS),
  };
  try {
    const answer = await cluster.watch(options.kind, query, AbortSignal.any([signal, silence.signal]));
    if (answer.status !== 200) refused(answer.status, await answer.text(), state);
    for await (const line of linesOf(answer.chunks())) {
      watchdog.refresh();
      apply(line, options, state);
    }
  } finally {
    clearTimeout(watchdog);
    silence.abort();
  }
}

function refused(status: number, text: string, state: Pick<State<unknown>, "resourceVersion">): never {
  if (status === EXPIRED) state.resourceVersion = undefined;
  throw new Error(`status ${status} ${text.trim().slice(0, 200)}`);
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function apply<T extends AnyObject>(
  line: string,
  { onChange, read }: WatchOptions<T>,
  state: State<T>,
): void {
  const { object, type } = understood(v.pipe(v.string(), v.parseJson(), Event), line);
  if (type === "ERROR") {
    const { code, message } = understood(Status, object);
    return refused(code ?? 0, message ?? "", state);
  }
  if (type === "BOOKMARK") {
    state.resourceVersion = understood(Bookmark, object).metadata.resourceVersion;
    return;
  }
  const seen = understood(read, object);
  if (type === "DELETED") state.objects.delete(seen.metadata.name);
  else state.objects.set(seen.metadata.name, seen);
  state.resourceVersion = seen.metadata.resourceVersion;
  onChange?.(seen, type === "DELETED");
}

const Bookmark = v.object({ metadata: v.object({ resourceVersion: v.string() }) });
