import { closeSync, constants, createReadStream, openSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { text } from "node:stream/consumers";
import * as v from "valibot";
import path from "node:path";
import { expect, test } from "vitest";
import { createLineTelemetry } from "../../../adapters/telemetry/lines.ts";
import { scratchFolder } from "../../support/archives.ts";

/** A named pipe that can be written to without waiting, although nobody reads it yet. */
async function pipe() {
  const file = path.join(await scratchFolder(), "pipe");
  execFileSync("mkfifo", [file]);
  const both = openSync(file, constants.O_RDWR);
  const fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  const close = (): void => {
    closeSync(both);
    closeSync(fd);
  };
  return { file, fd, close };
}

const Event = v.object({ event: v.string(), lines: v.optional(v.number()) });

async function logFile() {
  const file = path.join(await scratchFolder(), "log");
  const fd = openSync(file, "a");
  const lines = (): unknown[] =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  return { fd, lines, close: () => closeSync(fd) };
}

test("writes each event as one line of JSON with its time, in order, once it is flushed", async () => {
  const log = await logFile();
  const telemetry = createLineTelemetry("info", log.fd);
  for (let n = 0; n < 2000; n += 1)
    telemetry.emit({ event: "request", level: "info", n, path: 'odd "\n\u2028ä', who: undefined });
  await telemetry.flush();
  const lines = log.lines();
  expect(lines).toHaveLength(2000);
  expect(lines[1999]).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u),
    event: "request",
    level: "info",
    n: 1999,
    path: 'odd "\n\u2028ä',
  });
  expect(lines.map((line) => Reflect.get(Object(line), "n"))).toEqual([...Array(2000).keys()]);
  log.close();
});

test("leaves out what is below its level", async () => {
  const log = await logFile();
  const telemetry = createLineTelemetry("warn", log.fd);
  for (const level of ["info", "warn", "error"] as const) telemetry.emit({ event: level, level });
  await telemetry.flush();
  expect(log.lines()).toMatchObject([{ event: "warn" }, { event: "error" }]);
  log.close();
});

test("tells of an event that JSON cannot hold that there was one", async () => {
  const log = await logFile();
  const telemetry = createLineTelemetry("info", log.fd);
  telemetry.emit({ event: "odd", level: "error", size: 1n });
  await telemetry.flush();
  expect(log.lines()).toMatchObject([{ event: "odd", level: "error", unreadable: expect.any(String) }]);
  log.close();
});

test("flushing when nothing was written does nothing", async () => {
  const log = await logFile();
  await createLineTelemetry("info", log.fd).flush();
  expect(log.lines()).toEqual([]);
  log.close();
});

test("writes what comes after a flush of nothing", async () => {
  const log = await logFile();
  const telemetry = createLineTelemetry("info", log.fd);
  await telemetry.flush();
  telemetry.emit({ event: "later", level: "info" });
  await telemetry.flush();
  expect(log.lines()).toMatchObject([{ event: "later" }]);
  log.close();
});

test("a log that cannot be written stops nothing", async () => {
  const fd = openSync("/dev/full", "w");
  const telemetry = createLineTelemetry("info", fd);
  for (let n = 0; n < 1000; n += 1) telemetry.emit({ event: "request", level: "info", n });
  await telemetry.flush();
  telemetry.emit({ event: "request", level: "info" });
  await expect(telemetry.flush()).resolves.toBeUndefined();
  closeSync(fd);
});

test("a reader that takes nothing costs bounded memory, and is told how many lines it missed", async () => {
  const { file, fd, close } = await pipe();
  const telemetry = createLineTelemetry("info", fd);
  const filler = "x".repeat(100_000);
  for (let n = 0; n < 400; n += 1) telemetry.emit({ event: "request", level: "info", n, filler });
  const read = text(createReadStream(file));
  await telemetry.flush();
  telemetry.emit({ event: "after", level: "info" });
  await telemetry.flush();
  close();
  const lines = (await read).trimEnd().split("\n");
  const events = lines.map((line) => v.parse(Event, JSON.parse(line)));
  const missed = events.find(({ event }) => event === "log-lines-left-out")?.lines ?? 0;
  expect(missed).toBeGreaterThan(100);
  expect(events.filter(({ event }) => event === "request").length + missed).toBe(400);
  expect(events.at(-1)?.event).toBe("after");
});
