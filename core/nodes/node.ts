import * as v from "valibot";

/** A machine outside of the cluster that may run jobs; its xname is its id. */
export const RemoteBuildNode = v.object({ xname: v.string() });
export type RemoteBuildNode = v.InferOutput<typeof RemoteBuildNode>;
