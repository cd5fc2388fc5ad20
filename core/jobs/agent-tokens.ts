import { DomainError } from "../errors.ts";
import type { Signer } from "../ports/signer.ts";

/** Whose agent is speaking: one launch of one job. */
export interface AgentIdentity {
  readonly jobId: string;
  readonly attempt: number;
}

const text = ({ jobId, attempt }: AgentIdentity) => `agent:${jobId}:${attempt}`;

/** A token that any process with the service's secret can compute again. It does not expire by the clock. */
export function agentToken(signer: Signer, identity: AgentIdentity): string {
  return `ims-agent.${identity.attempt}.${signer.sign(text(identity))}`;
}

/** @throws `unauthenticated` for anything but a token of this very job. */
export function authenticateAgent(signer: Signer, jobId: string, token: string | undefined): AgentIdentity {
  const [, digits, signature] = /^ims-agent\.([1-9]\d{0,8})\.([\w-]+)$/u.exec(token ?? "") ?? [];
  const identity = { jobId, attempt: Number(digits) };
  if (signature === undefined || !signer.verify(text(identity), signature))
    throw new DomainError("unauthenticated", "This needs the token of the job's own agent.");
  return identity;
}
