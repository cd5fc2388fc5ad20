import type { NodeFacts, RemoteBuildNode } from "../nodes/node.ts";

/** Looks at remote build nodes. */
export interface NodeProbe {
  /**
   * What a node is and has now. What jobs need there and it lacks is brought in the background; until then `trouble`
   * says so.
   * @throws `unavailable` when it does not answer, with the reason
   */
  probe(node: RemoteBuildNode): Promise<NodeFacts>;
}
