import type { Endpoint } from "../http/endpoint.ts";

/** The second generation's paths: at the root, as build pods and CFS call them, and under `/v2`. */
export const secondPaths = <Path extends string>(path: Path) => ({ path, aliases: [`/v2${path}`] }) as const;

/** An operation of the third generation that the second has alike, under its own name and paths, with its own shapes. */
export function alike(third: Endpoint, operation: string, shapes: Pick<Endpoint, "returns"> = {}): Endpoint {
  return { ...third, ...shapes, operation, ...secondPaths(third.path.replace("/v3/", "/")) };
}
