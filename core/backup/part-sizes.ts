import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { ObjectLine } from "./format.ts";

/** The member of an object's line that says what its ETag is made of; nothing where there are no parts, or nobody knows. */
export async function partSizesMember(
  artifacts: Pick<Artifacts, "partSizes">,
  info: ArtifactAddress & Pick<ArtifactInfo, "etag">,
): Promise<Pick<ObjectLine, "part_sizes">> {
  const sizes = /-\d+$/u.test(info.etag) ? await artifacts.partSizes?.(info) : undefined;
  return sizes === undefined ? {} : { part_sizes: inRuns(sizes) };
}

function inRuns(sizes: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const size of sizes) {
    const last = runs.at(-1);
    if (last?.[0] === size) last[1] += 1;
    else runs.push([size, 1]);
  }
  return runs;
}

/** What a store is told of them. */
export function partSizesOption({ part_sizes }: Pick<ObjectLine, "part_sizes">): {
  partSizes?: readonly number[];
} {
  if (part_sizes === undefined) return {};
  return { partSizes: part_sizes.flatMap(([size, count]) => Array.from({ length: count }, () => size)) };
}
