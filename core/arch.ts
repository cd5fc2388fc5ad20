import * as v from "valibot";

/** Processor architectures an image can be for, spelled as in the API of record. */
export const ARCHS = ["aarch64", "x86_64"] as const;
export const Arch = v.picklist(ARCHS);
export type Arch = v.InferOutput<typeof Arch>;
