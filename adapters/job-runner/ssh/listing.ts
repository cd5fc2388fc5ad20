import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";

const Container = v.pipe(
  v.object({
    Names: v.pipe(v.array(v.string()), v.minLength(1)),
    State: v.string(),
    Labels: v.record(v.string(), v.string()),
  }),
  v.transform(({ Names: [name = ""], State, Labels }) => ({
    name,
    running: ["running", "paused", "stopping"].includes(State),
    starting: ["created", "configured", "initialized"].includes(State),
    job: Labels["ims.job"] ?? "",
    boot: Labels["ims.boot"] ?? "",
    memoryBytes: Labels["ims.memory"] === undefined ? undefined : Number(Labels["ims.memory"]),
  })),
);
export type Container = v.InferOutput<typeof Container>;
const Containers = v.pipe(v.string(), v.parseJson(), v.nullable(v.array(Container), []));

/** A shell that is passed on: where users were told to find it, and where it is on the node. */
export const ShellNote = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ host: v.string(), port: v.number(), nodePort: v.number() }),
);
export type ShellNote = v.InferOutput<typeof ShellNote>;

/** What a node has of this service's jobs. */
export interface Listing {
  readonly boot: string;
  /** By job id. */
  readonly containers: ReadonlyMap<string, Container>;
  readonly folders: ReadonlySet<string>;
  readonly shells: ReadonlyMap<string, ShellNote>;
  /** `gone`: somebody removed this process's end; `free`: no living process serves the agents. */
  readonly tunnel: "gone" | "free" | "held";
}

/** Reads what the script LIST prints. @throws `unavailable` */
export function readListing(node: string, output: string): Listing {
  const lines = output.split("\n");
  const end = lines.indexOf("containers");
  const head = end === -1 ? lines : lines.slice(0, end);
  const words = (word: string) =>
    head.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const containers = v.safeParse(Containers, end === -1 ? "[]" : lines.slice(end + 1).join("\n"));
  if (!containers.success)
    throw new DomainError(
      "unavailable",
      `podman on node ${node} lists its containers in words that are not understood.`,
    );
  const shells = words("shell").flatMap((line) => {
    const [job = "", ...rest] = line.split(" ");
    const note = v.safeParse(ShellNote, rest.join(" "));
    return note.success ? [[job, note.output] as const] : [];
  });
  return {
    boot: words("boot")[0] ?? "",
    containers: new Map(containers.output.map((container) => [container.job, container])),
    folders: new Set(words("folder")),
    shells: new Map(shells),
    tunnel: head.includes("gone") ? "gone" : head.includes("free") ? "free" : "held",
  };
}
