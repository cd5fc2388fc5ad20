import { openSync, writeSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";

const BUFFER_BYTES = 256 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * usage: fetch-to-file.ts URL FILE. Downloads at the least cost: one buffer, from the socket into the file. A client that
 * writes small pieces, as curl does, takes longer than the server.
 */
function fetchToFile(url: URL, file: string): void {
  const fd = openSync(file, "w");
  let head = Buffer.alloc(0);
  let left: number | undefined;

  const begin = (received: Uint8Array): Uint8Array => {
    head = Buffer.concat([head, received]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) return head.subarray(head.length);
    const text = head.toString("latin1", 0, end);
    left = Number(/^content-length: (\d+)$/imu.exec(text)?.[1]);
    if (!text.startsWith("HTTP/1.1 200 ") || Number.isNaN(left)) throw new Error(`Unusable answer: ${text}`);
    return head.subarray(end + HEAD_END.length);
  };
  const socket = connect({
    host: url.hostname,
    port: Number(url.port),
    onread: {
      buffer: Buffer.alloc(BUFFER_BYTES),
      callback(length, buffer) {
        const received = buffer.subarray(0, length);
        const body = left === undefined ? begin(received) : received;
        if (body.length > 0) writeSync(fd, body);
        left = left === undefined ? undefined : left - body.length;
        if (left === 0) socket.end();
        return true;
      },
    },
  });
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
  socket.on("close", () => {
    if (left !== 0) throw new Error("The answer broke off.");
  });
}

const [url = "", file = ""] = process.argv.slice(2);
fetchToFile(new URL(url), file);
