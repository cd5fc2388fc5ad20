import * as v from "valibot";

const Aws = v.object({
  region: v.string(),
  endpoint: v.string(),
  credentials: v.object({ accessKeyId: v.string(), secretAccessKey: v.string() }),
  forcePathStyle: v.boolean(),
});

/** Where an emulator is, as one process tells another. */
export const parseAws = (json: string) => v.parse(Aws, JSON.parse(json));
