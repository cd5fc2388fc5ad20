import { existsSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { scratchFolder } from "../archives.ts";
import { program } from "../programs.ts";
import { until } from "../service-process.ts";

/** Where a job can be stopped on its way, in the order of the way. */
export const GATES = [
  "download",
  "repositories",
  "build",
  "unpack",
  "open",
  "close",
  "pack",
  "upload",
  "finish",
  "answer",
] as const;
export type Gate = (typeof GATES)[number];

interface GatedProgram {
  readonly name: string;
  readonly gate: Gate;
  readonly real: string;
  /** Which calls wait, as a pattern of the shell for all arguments. */
  readonly when?: string;
}

const standIns = join(import.meta.dirname, "../../fixtures/stand-ins");
const MKSQUASHFS = "/usr/bin/mksquashfs";

/** Programs that wait at a gate before they do what the real ones, or the stand-ins, do. */
const PROGRAMS: readonly GatedProgram[] = [
  { name: "kiwi-ng", gate: "build", real: join(standIns, "kiwi-ng") },
  { name: "packer", gate: "build", real: join(standIns, "packer") },
  { name: "unsquashfs", gate: "unpack", real: "/usr/bin/unsquashfs" },
  // in the middle of a shell's mounts
  { name: "mount", gate: "open", real: "/usr/bin/mount", when: "*' /mnt/image'" },
  { name: "umount", gate: "close", real: "/usr/bin/umount" },
  {
    name: "mksquashfs",
    gate: "pack",
    real: existsSync(MKSQUASHFS) ? MKSQUASHFS : join(standIns, "mksquashfs"),
  },
];

export interface Gates {
  /** For the service: its jobs use gated programs, and reach it through a gated proxy. */
  readonly environment: Readonly<Record<string, string>>;
  /** For recipes: a repository that answers once its job may pass. Named before there is a job. */
  readonly repository: (name: string) => string;
  /** Tells which job the repository of that name is of. */
  readonly ownRepository: (name: string, job: string) => void;
  /** Where the proxy finds the service. */
  readonly serve: (url: string) => void;
  readonly open: (job: string, gates?: readonly Gate[]) => void;
  /** Until the job stands before the gate. */
  readonly reached: (job: string, gate: Gate) => Promise<void>;
}

/** Gates that are all closed. They are files, so that programs in a job see them as well as this process. */
export async function createGates(): Promise<Gates> {
  const folder = await scratchFolder();
  const bin = join(folder, "bin");
  await mkdir(bin);
  for (const gated of PROGRAMS) await program(bin, gated.name, waiting(folder, gated));
  const isOpen = (job: string, gate: Gate) => existsSync(join(folder, `go.${gate}.${job}`));
  const pass = async (job: string, gate: Gate, gone: () => boolean): Promise<void> => {
    writeFileSync(join(folder, `at.${gate}.${job}`), "");
    while (!isOpen(job, gate) && !gone()) await sleep(50);
  };
  const owners = new Map<string, string>();
  let service = "";
  const proxy = await listen(createProxy({ service: () => service, pass, owners }));
  const repositories = await listen(createRepositories(pass, owners));
  return {
    environment: { PATH: `${bin}:${process.env["PATH"]}`, IMS_AGENT_URL: proxy },
    repository: (name) => `${repositories}/${name}`,
    ownRepository: (name, job) => void owners.set(name, job),
    serve: (url) => (service = url),
    open: (job, gates = GATES) => {
      for (const gate of gates) writeFileSync(join(folder, `go.${gate}.${job}`), "");
    },
    reached: async (job, gate) => {
      const there = async () => (existsSync(join(folder, `at.${gate}.${job}`)) ? true : undefined);
      await until(`the job stands before ${gate}`, there, 120);
    },
  };
}

/** Asked for its version, and where the service itself uses it, a program answers at once. */
const waiting = (folder: string, { gate, real, when = "*" }: GatedProgram): string => `
case \${1:-} in --version | -version | version) exec ${real} "$@" ;; esac
[ -n "\${IMS_JOB_ID:-}" ] || exec ${real} "$@"
case $* in ${when}) ;; *) exec ${real} "$@" ;; esac
touch ${folder}/at.${gate}.$IMS_JOB_ID
while [ ! -e ${folder}/go.${gate}.$IMS_JOB_ID ]; do sleep 0.1; done
exec ${real} "$@"`;

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

async function listen(listener: Listener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

type Pass = (job: string, gate: Gate, gone: () => boolean) => Promise<void>;

function createRepositories(pass: Pass, owners: ReadonlyMap<string, string>): Listener {
  return (incoming, outgoing) => {
    const name = incoming.url?.split("/")[1] ?? "";
    const answer = async () => {
      const job = await until("the repository has a job", async () => owners.get(name));
      await pass(job, "repositories", () => outgoing.destroyed);
      outgoing.end("here");
    };
    answer().catch(() => outgoing.destroy());
  };
}

interface ProxyParts {
  readonly service: () => string;
  readonly pass: Pass;
  /** Which job a signed URL was made for. */
  readonly owners: Map<string, string>;
}

const SIGNED = /"(?:url)":"https?:\/\/[^/"]+(\/signed\/[^"]+)"/gu;

/** Hands everything on, and breaks off what the service breaks off. */
function createProxy(parts: ProxyParts): Listener {
  return (incoming, outgoing) => {
    void forward(parts, incoming, outgoing).catch(() => outgoing.destroy());
  };
}

async function forward(
  { service, pass, owners }: ProxyParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
) {
  const path = incoming.url ?? "";
  const { method = "GET", headers } = incoming;
  const own = /^\/agent\/jobs\/([^/]+)\/(\w+)/u.exec(path);
  const gone = () => outgoing.destroyed;
  if (own?.[2] === "finish") await pass(own[1] ?? "", "finish", gone);
  if (gone()) return;
  const upstream = request(`${service()}${path}`, { method, headers });
  const broken = () => outgoing.destroy();
  upstream.on("error", broken);
  outgoing.on("close", () => upstream.destroy());
  upstream.on("response", (answer) => {
    answer.on("error", broken);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    const job = method === "GET" ? owners.get(path) : undefined;
    const halfway = async () => {
      if (own?.[2] === "finish" && answer.statusCode === 204) await pass(own[1] ?? "", "answer", gone);
      if (job !== undefined) await pass(job, "download", gone);
    };
    const answering = async () => {
      const text = await relay(answer, outgoing, halfway);
      for (const [, url = ""] of text.matchAll(SIGNED)) owners.set(url, own?.[1] ?? "");
      outgoing.end();
    };
    answering().catch(broken);
  });
  const job = method === "PUT" && path.includes("/rootfs?") ? owners.get(path) : undefined;
  await relay(incoming, upstream, async () => {
    if (job !== undefined) await pass(job, "upload", gone);
  });
  upstream.end();
}

interface Sink {
  write(bytes: Uint8Array): boolean;
}

/** So much is read ahead while it stands still: who does not read does not hear either that the other side is gone. */
const AHEAD_BYTES = 2 ** 28;

/** Stops once in the middle, or before the end of what is empty; answers the beginning of what went through. */
async function relay(source: Readable, sink: Sink, halfway: () => Promise<void>): Promise<string> {
  const ahead = new PassThrough({ highWaterMark: AHEAD_BYTES });
  // What breaks it breaks the loop below, too.
  pipeline(source, ahead).catch(() => undefined);
  let beginning: string | undefined;
  for await (const bytes of chunksOf(ahead)) {
    if (beginning === undefined) {
      const half = Math.floor(bytes.length / 2);
      sink.write(bytes.subarray(0, half));
      await halfway();
      sink.write(bytes.subarray(half));
      beginning = Buffer.from(bytes).toString("utf8");
    } else sink.write(bytes);
  }
  if (beginning === undefined) await halfway();
  return beginning ?? "";
}

async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk;
}
