import { createHash } from "node:crypto";
import type { Md5Session } from "./md5.ts";

/** Sessions without a thread, for functions: most have no second processor, and none can keep a file beside its own. */
export function createMd5Thread(): () => Md5Session {
  return () => {
    const hash = createHash("md5");
    return {
      async update(bytes) {
        hash.update(bytes);
        return bytes.buffer;
      },
      digest: async () => hash.copy().digest("hex"),
      close: () => undefined,
    };
  };
}
