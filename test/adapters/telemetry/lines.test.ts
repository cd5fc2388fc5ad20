import { closeSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createLineTelemetry } from "../../../adapters/telemetry/lines.ts";
import { scratchFolder } from "../../support/archives.ts";

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
  telemetry.flush();
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
  telemetry.flush();
  expect(log.lines()).toMatchObject([{ event: "warn" }, { event: "error" }]);
  log.close();
});

test("tells of an event that JSON cannot hold that there was one", async () => {
  const log = await logFile();
  const telemetry = createLineTelemetry("info", log.fd);
  telemetry.emit({ event: "odd", level: "error", size: 1n });
  telemetry.flush();
  expect(log.lines()).toMatchObject([{ event: "odd", level: "error", unreadable: expect.any(String) }]);
  log.close();
});

test("flushing when nothing was written does nothing", async () => {
  const log = await logFile();
  createLineTelemetry("info", log.fd).flush();
  expect(log.lines()).toEqual([]);
  log.close();
});
