import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { expect, it, onTestFinished } from "vitest";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { until } from "../support/service-process.ts";

const MAIN = path.join(import.meta.dirname, "../../infra/localstack/main.ts");

/** Its port is that of the test, so that its processes can be told from others'. */
async function startLocal(port: number): Promise<{ child: ChildProcess; output: () => string }> {
  const child = spawn(process.execPath, [MAIN, "--port", String(port)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  await until(
    "LocalStack is up",
    async () => {
      if (child.exitCode !== null) throw new Error(output);
      return output.includes("npm start") ? true : undefined;
    },
    900,
  );
  return { child, output: () => output };
}

async function processesOf(port: number) {
  const all = await listProcesses();
  return all.filter(({ environment }) => environment.includes(`GATEWAY_LISTEN=127.0.0.1:${port}`));
}

/** Where they keep what they store. */
async function folderOf(port: number): Promise<string> {
  const [first] = await processesOf(port);
  const found = first?.environment.find((variable) => variable.startsWith("FILESYSTEM_ROOT="));
  return found?.slice("FILESYSTEM_ROOT=".length) ?? "none";
}

it.each([
  ["SIGINT", 45_661],
  ["SIGKILL", 45_662],
] as const)(
  "a LocalStack without Docker goes with the program that started it, ended by %s",
  async (signal, port) => {
    const { child, output } = await startLocal(port);
    expect(output()).toContain(`export AWS_ENDPOINT_URL=http://127.0.0.1:${port}`);
    // its Python, and DynamoDB's Java
    expect((await processesOf(port)).length).toBeGreaterThanOrEqual(2);
    const folder = await folderOf(port);
    expect(existsSync(folder)).toBe(true);
    const ended = new Promise((resolve) => {
      child.once("exit", resolve);
    });
    child.kill(signal);
    await ended;
    await until(
      "nothing is left",
      async () => ((await processesOf(port)).length === 0 && !existsSync(folder) ? true : undefined),
      60,
    );
  },
);
