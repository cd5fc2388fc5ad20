import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import { containerImage, storage } from "./container-image.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** On the images that tests make. Machines without systemd want cgroupfs, and small ones limits that they can give. */
const COMMON = ["--root", `${storage}/root`, "--runroot", `${storage}/run`, "--cgroup-manager", "cgroupfs"];
const LIMITS = ["--ulimit", "nofile=16384:16384", "--ulimit", "nproc=16384:16384"];

async function podman(...args: readonly string[]): Promise<Ran> {
  return await new Promise((resolve) => {
    execFile(
      "podman",
      [...COMMON, "--runtime", "runc", ...args],
      { maxBuffer: 2 ** 26 },
      (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === "number" ? error.code : 255,
          out: stdout + stderr,
        }),
    );
  });
}

export interface ContainerOrder {
  readonly env?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  /** What it may and may not. */
  readonly rights: readonly string[];
}

function optionsOf({ env = {}, volumes, ports, rights }: ContainerOrder): readonly string[] {
  return [
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...volumes.flatMap((volume) => ["--volume", volume]),
    ...ports.flatMap((port) => ["--publish", port]),
    ...rights,
  ];
}

/** A container of one of the project's images, until the test ends. */
export async function container(name: "agent" | "service", order: ContainerOrder) {
  const image = await containerImage(name);
  await mkdir(storage, { recursive: true });
  const id = `ims-test-${randomUUID()}`;
  const args = ["run", "--detach", "--name", id, ...LIMITS, ...optionsOf(order), image.reference];
  onTestFinished(async () => void (await podman("rm", "--force", "--time", "0", "--volumes", id)));
  const { code, out } = await podman(...args);
  if (code !== 0) throw new Error(`The container does not start: ${out}`);
  return {
    image,
    exec: (...command: readonly string[]) => podman("exec", id, ...command),
    logs: async () => (await podman("logs", id)).out,
    /** Waits for its end, and answers its exit code. */
    ended: async () => Number((await podman("wait", id)).out.trim()),
    inspect: async (format: string) => (await podman("inspect", "--format", format, id)).out.trim(),
  };
}
