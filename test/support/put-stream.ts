import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Puts bytes as they come; the answer's status. Rejects when the connection breaks first. */
export async function putStream(url: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const sending = request(url, { method: "PUT" });
  const { promise: answered, resolve, reject } = Promise.withResolvers<number>();
  sending.on("response", (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  });
  sending.on("error", reject);
  // Who refuses does so before all has come; the answer says more than the broken pipe.
  pipeline(Readable.from(bytes), sending).catch(() => undefined);
  return await answered;
}
