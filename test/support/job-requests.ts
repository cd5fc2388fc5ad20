import { agentToken } from "../../core/jobs/agent-tokens.ts";
import type { TestService } from "./ims.ts";

/** A recipe with an archive and a key, and the body that asks for a job of them. */
export async function jobRequest(service: TestService, more: object = {}) {
  const recipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15", ...more };
  const { id: artifact_id } = (await service.post("/v3/recipes", recipe)).json;
  await service.put(`/v3/recipes/${artifact_id}/archive`, "archive");
  const { id: public_key_id } = (
    await service.post("/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" })
  ).json;
  return { job_type: "create", artifact_id, public_key_id, image_root_archive_name: "image" };
}

/** Words to speak as a job's agent. */
export function agentOf(service: TestService, id: string, attempt = 1) {
  const authorization = `Bearer ${agentToken(service.ports.signer, { jobId: id, attempt })}`;
  return {
    say: (what: string, body?: unknown) =>
      service.call("POST", `/agent/jobs/${id}/${what}`, body, { authorization }),
    ask: (what: string) => service.get(`/agent/jobs/${id}/${what}`, { authorization }),
    log: async (offset: number, text: string) =>
      await service.app.request(`/agent/jobs/${id}/log?offset=${offset}`, {
        method: "POST",
        body: text,
        headers: { authorization },
      }),
  };
}
