// What a function has in place of what its endpoint does not use: bundles take this instead of the real thing.
import type { Ims } from "../../../core/ims.ts";
import type { JobLogs } from "../../../core/ports/job-logs.ts";
import type { Records } from "../../../core/ports/records.ts";
import type { Authenticator } from "../../http/auth.ts";
import type { ArtifactStore } from "../stores.ts";

const absent = (what: string) => (): never => {
  throw new Error(`This function has no ${what}: its endpoint does not say that it uses them.`);
};

export async function openRecords(): Promise<Records> {
  const none = absent("records");
  return { get: none, list: none, getJson: none, listJson: none, commit: none, check: none, close: none };
}

export function openObjects(): ArtifactStore {
  const none = absent("objects");
  return {
    artifacts: {
      stat: none,
      read: none,
      write: none,
      move: none,
      remove: none,
      list: none,
      signUrl: none,
      check: none,
    },
    uploads: {
      open: none,
      signParts: none,
      parts: none,
      assemble: none,
      discard: none,
      pending: none,
    },
    signedUrls: { verify: none },
    parts: { verifyPart: none, takePart: none },
    sweep: none,
  };
}

export function openJobLogs(): JobLogs {
  const none = absent("logs");
  return {
    append: none,
    size: none,
    streams: none,
    totalSize: none,
    read: none,
    complete: none,
    list: none,
    remove: none,
  };
}

export async function openAuthenticator(): Promise<Authenticator> {
  return { authenticate: absent("authenticator") };
}

export async function openapi(): Promise<unknown> {
  return absent("description of the API")();
}

/** For endpoints that use nothing at all. */
export function createIms(): Ims {
  const nothing = {};
  return isUnused(nothing) ? nothing : absent("service")();
}

/** No endpoint of such a function asks for any member. */
function isUnused(_nothing: object): _nothing is Ims {
  return true;
}
