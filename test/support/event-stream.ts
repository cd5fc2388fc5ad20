import type { Json } from "./json.ts";

/** As a browser's EventSource hands it on; a comment has its text as data. */
export interface ReceivedEvent {
  readonly event: string;
  readonly data: string;
  /** Of this event or the last one before it that had one. */
  readonly lastId: string;
}

/** Takes Server-Sent Events apart as WHATWG HTML 9.2.6 says. */
export async function* receivedEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReceivedEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  let lastId = "";
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^([^:]*):? ?(.*)$/u.exec(line)?.slice(1) ?? []);
      const all = (name: string) => fields.flatMap(([key, value]) => (key === name ? [value ?? ""] : []));
      lastId = all("id").at(-1) ?? lastId;
      const comment = all("")[0];
      if (comment !== undefined) yield { event: "comment", data: comment, lastId };
      if (all("data").length > 0)
        yield { event: all("event").at(-1) ?? "message", data: all("data").join("\n"), lastId };
    }
  }
}

/** Somebody who follows: what came so far, and waiting for more of it. */
export function createFollower(body: AsyncIterable<Uint8Array> | null) {
  if (body === null) throw new Error("There is no stream to follow.");
  const events = receivedEvents(body);
  const received: ReceivedEvent[] = [];
  const of = (event: string) => received.filter((each) => each.event === event).map(({ data }) => data);

  async function step(): Promise<ReceivedEvent | undefined> {
    const next = await events.next();
    if (next.done === true) return undefined;
    received.push(next.value);
    return next.value;
  }

  return {
    received,
    /** The log as far as it came; each event's last line had an end. */
    log: () =>
      of("log")
        .map((data) => `${data}\n`)
        .join(""),
    progress: (): Json[] => of("progress").map((data) => JSON.parse(data)),
    lastId: () => received.at(-1)?.lastId ?? "",
    /** Goes on until this is true. @throws when the stream ends before */
    async until(isSo: () => boolean): Promise<void> {
      while (!isSo())
        if ((await step()) === undefined) throw new Error(`The stream ended: ${JSON.stringify(received)}`);
    },
    /** Goes on to the end of the stream and answers the last event. */
    async toEnd(): Promise<ReceivedEvent | undefined> {
      while ((await step()) !== undefined);
      return received.at(-1);
    },
    leave: async () => void (await events.return(undefined)),
  };
}
