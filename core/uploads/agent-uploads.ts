import { getStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { DomainError, isDomainError, notFound } from "../errors.ts";
import type { AgentIdentity } from "../jobs/agent-tokens.ts";
import type { ImagePart } from "../jobs/agent-messages.ts";
import type { ArtifactAddress } from "../ports/artifacts.ts";
import type { Stored } from "../ports/records.ts";
import type { OpenOptions, SignedPart, StoredPart } from "../ports/upload-sessions.ts";
import type { Settings } from "../settings.ts";
import { completeUpload } from "./complete-upload.ts";
import { openUpload } from "./open-upload.ts";
import { partsOf, signParts } from "./uploads.ts";
import type { UploadSession } from "./upload-session.ts";

/** Digests of all that was sent, lower-case hex. */
export interface SentContent {
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
}

export interface AgentUploadOrder {
  readonly part: ImagePart;
  readonly size: number;
  readonly address: ArtifactAddress;
  readonly options: OpenOptions;
}

/**
 * Uploads in parts of a job's agent: those of its own attempt, straight to where the job's image is to have them. Each call
 * but `open` asks first whether the agent is still wanted.
 */
export interface AgentUploads {
  /** The one session of this attempt for the part, made when there is none yet. @throws `conflict` when it has ended */
  readonly open: (agent: AgentIdentity, order: AgentUploadOrder) => Promise<UploadSession>;
  readonly signParts: (
    agent: AgentIdentity,
    id: string,
    numbers: readonly number[],
  ) => Promise<readonly SignedPart[]>;
  readonly parts: (agent: AgentIdentity, id: string) => Promise<readonly StoredPart[]>;
  readonly complete: (agent: AgentIdentity, id: string, sent: SentContent) => Promise<void>;
}

/** @param working throws `gone` when the job needs its agent no more */
export function createAgentUploads(
  ports: CorePorts,
  settings: Settings,
  working: (agent: AgentIdentity) => Promise<unknown>,
): AgentUploads {
  async function find(agent: AgentIdentity, id: string): Promise<Stored<"upload-session">> {
    await working(agent);
    return ownedBy(agent, await getStored(ports.records, "upload-session", id));
  }

  return {
    async open(agent, { part, size, address, options }) {
      const id = sessionId(ports, agent, part);
      const target = { of: "job", job: agent.jobId, attempt: agent.attempt, part } as const;
      const existing = await ports.records.get("upload-session", id);
      if (existing !== undefined) return sameSize(existing.value, size);
      try {
        return await openUpload(ports, settings, { id, target, size, address, options });
      } catch (error) {
        if (!isDomainError(error, "lost-race")) throw error;
        return sameSize((await find(agent, id)).value, size);
      }
    },
    signParts: async (agent, id, numbers) =>
      await signParts(ports, settings, (await find(agent, id)).value, numbers),
    parts: async (agent, id) => await partsOf(ports, (await find(agent, id)).value),
    complete: async (agent, id, sent) =>
      void (await completeUpload(ports, settings, () => find(agent, id), { said: sent, vouched: sent })),
  };
}

/** The same for the same attempt and part, so that who lost the answer finds its session again. */
function sessionId({ signer }: CorePorts, { jobId, attempt }: AgentIdentity, part: ImagePart): string {
  const hex = signer.digest(signer.sign(`upload:${jobId}:${attempt}:${part}`));
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}

function sameSize(session: UploadSession, size: number): UploadSession {
  if (session.size === size) return session;
  throw new DomainError("conflict", "This part of the image is being uploaded with another size.");
}

function ownedBy(agent: AgentIdentity, stored: Stored<"upload-session">): Stored<"upload-session"> {
  const { target } = stored.value;
  if (target.of === "job" && target.job === agent.jobId && target.attempt === agent.attempt) return stored;
  throw notFound();
}
