import { createReadStream } from "node:fs";
import { DomainError } from "../../../core/errors.ts";
import type { SshConnection } from "../../ssh/connection.ts";
import type { SendableImage } from "./agent-image.ts";
import { work } from "./remote.ts";
import { CORRUPT, HAVE_IMAGE, LOAD_IMAGE, RECEIVE_IMAGE, shell } from "./scripts.ts";

const LOOK_MS = 30_000;
/** For a slow line; a cut one is noticed by itself. */
const SEND_MS = 4 * 3_600_000;
const LOAD_MS = 1_200_000;
const CHUNK_BYTES = 256 * 1024;

/**
 * Sees to it that a node has the agent's image: sends what is missing of the archive, has it checked and loaded. After a
 * cut the next call goes on where this one stopped.
 * @throws `storage-full`, `unavailable`
 */
export async function sendImage(
  node: string,
  connection: SshConnection,
  folder: string,
  { file, digest, size, packing }: SendableImage,
): Promise<void> {
  const there = await look(node, connection, folder, digest);
  if (there === "loaded") return;
  if (there.free < size - there.bytes)
    throw new DomainError(
      "storage-full",
      `Node ${node} has ${there.free} bytes left where the agent's image of ${size} bytes has to go.`,
    );
  if (there.bytes < size)
    await work(node, connection, {
      argv: shell(RECEIVE_IMAGE, folder, digest, String(there.bytes)),
      input: createReadStream(file, { start: there.bytes, highWaterMark: CHUNK_BYTES }),
      limitMs: SEND_MS,
    });
  const { exitCode } = await work(node, connection, {
    argv: shell(LOAD_IMAGE, folder, digest, packing),
    limitMs: LOAD_MS,
    expected: [CORRUPT],
  });
  if (exitCode === CORRUPT)
    throw new DomainError(
      "unavailable",
      `What came of the agent's image on node ${node} was damaged; it is sent anew.`,
    );
}

async function look(
  node: string,
  connection: SshConnection,
  folder: string,
  digest: string,
): Promise<"loaded" | { readonly bytes: number; readonly free: number }> {
  const { stdout } = await work(node, connection, {
    argv: shell(HAVE_IMAGE, folder, digest),
    limitMs: LOOK_MS,
  });
  const [first = "", second = ""] = stdout.split("\n");
  if (first === "loaded") return "loaded";
  const [bytes, free] = [Number(first), Number(second)];
  if (Number.isSafeInteger(bytes) && Number.isSafeInteger(free) && second !== "") return { bytes, free };
  throw new DomainError("unavailable", `Node ${node} does not say how much of the agent's image it has.`);
}
