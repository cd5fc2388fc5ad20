import { DomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";

const LIMIT_MS = 60_000;

/** Mounts one thing after the other, and takes all of it away again. */
export interface Mounter {
  /** @throws `unavailable` with mount's own words. */
  mount(point: string, args: readonly string[]): Promise<void>;
  /** Unmounts in the opposite order, with what others mounted below; what is busy goes when its last user does. @throws `unavailable` */
  unmountAll(): Promise<void>;
}

export function createMounter(run: RunCommand): Mounter {
  const points: string[] = [];

  const call = async (file: string, args: readonly string[]): Promise<readonly string[] | undefined> => {
    const { exitCode, tail } = await run({ file, args, quiet: true, signal: AbortSignal.timeout(LIMIT_MS) });
    return exitCode === 0 ? undefined : tail;
  };

  const unmount = async (point: string): Promise<void> => {
    if ((await call("umount", ["--no-canonicalize", "--recursive", point])) === undefined) return;
    const trouble = await call("umount", ["--no-canonicalize", "--lazy", point]);
    if (trouble !== undefined)
      throw new DomainError(
        "unavailable",
        `${point} cannot be unmounted: ${trouble.at(-1) ?? "no reason given"}.`,
      );
  };

  return {
    mount: async (point, args) => {
      const trouble = await call("mount", [...args, point]);
      if (trouble !== undefined)
        throw new DomainError(
          "unavailable",
          `${point} cannot be mounted: ${trouble.at(-1) ?? "no reason given"}.`,
        );
      points.push(point);
    },
    unmountAll: async () => {
      for (let point = points.pop(); point !== undefined; point = points.pop()) await unmount(point);
    },
  };
}
