/** Served under `/v3`, as the original does, and at the root, as the API of record says (behaviour 187). */
export const nodePaths = <Path extends string>(path: Path) =>
  ({ path: `/v3/remote-build-nodes${path}`, aliases: [`/remote-build-nodes${path}`] }) as const;
