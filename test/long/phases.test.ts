import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { program } from "../support/programs.ts";
import {
  agentsOf,
  archiveBytes,
  ended,
  expectImage,
  get,
  inStatus,
  nothingLeft,
  post,
  postJob,
  recipe,
} from "../support/road.ts";
import { type ServiceProcess, startService } from "../support/service-process.ts";

/** A repository that nobody answers for, which the job waits for. */
const WAITING =
  '<image schemaversion="7.4" name="tiny"><preferences><packagemanager>apt</packagemanager><type image="tbz"/></preferences><repository><source path="http://127.0.0.1:9/nobody"/></repository></image>';

/** Recipes that stay in a phase for some seconds, and go on then. */
const PHASES = {
  waiting_for_repos: [{ name: "config.xml", content: WAITING }],
  building_image: recipe("cling"),
  packaging_artifacts: recipe("cling"),
} as const;
const PHASE_NAMES = [
  "waiting_for_repos",
  "building_image",
  "packaging_artifacts",
] as const satisfies (keyof typeof PHASES)[];

const EXPECTED = {
  cancel: ["cancelled"],
  delete: ["deleted"],
  "kill -9 of the agent": ["agent_lost"],
  "kill -9 of agent and service": ["agent_lost"],
  "kill -9 of the service": ["success", "repository_unreachable"],
} as const;
type Deed = keyof typeof EXPECTED;
const DEEDS = [
  "cancel",
  "delete",
  "kill -9 of the agent",
  "kill -9 of agent and service",
  "kill -9 of the service",
] as const satisfies Deed[];

async function slowService(more: Record<string, string> = {}) {
  const folder = await scratchFolder();
  const slow = await program(folder, "mksquashfs", 'sleep 4; exec tar -C "$1" -cf "$2" .');
  return await startService({
    IMS_REPO_WAIT_SECONDS: "5",
    IMS_MKSQUASHFS: slow,
    ...more,
  });
}

function killAgents(id: string): void {
  for (const pid of agentsOf(id)) process.kill(pid, "SIGKILL");
}

async function carryOut(deed: Deed, service: ServiceProcess, id: string): Promise<void> {
  if (deed === "cancel") await post(service, `/v3/jobs/${id}/cancel`);
  if (deed === "delete") await service.fetch(`/v3/jobs/${id}`, { method: "DELETE" });
  if (deed.endsWith("service")) await service.end("SIGKILL");
  if (deed.includes("agent")) killAgents(id);
  if (deed.endsWith("service")) await service.start();
}

describe("in each phase of a job whose build clings to the machine", () => {
  for (const phase of PHASE_NAMES)
    for (const deed of DEEDS)
      it(`${deed} in ${phase} ends it as it should, and leaves nothing`, async () => {
        const service = await slowService();
        const id = await postJob(service, await archiveBytes([...PHASES[phase]]));
        await inStatus(service, id, phase);
        await carryOut(deed, service, id);
        const job = deed === "delete" ? { status: "deleted" } : await ended(service, id);
        expect(EXPECTED[deed]).toContain(job.error?.code ?? job.status);
        if (job.status === "success") await expectImage(service, job.resultant_image_id);
        await nothingLeft(service);
      });
});

describe("eight jobs at once", () => {
  it("leave each other alone: half are cancelled in the middle, the other half make their images", async () => {
    const service = await slowService({ IMS_MAX_JOBS: "8" });
    const archive = await archiveBytes(recipe("cling"));
    const ids = await Promise.all(Array.from({ length: 8 }, () => postJob(service, archive)));
    for (const id of ids) await inStatus(service, id, "building_image", "packaging_artifacts");
    const [cancelled, kept] = [ids.slice(0, 4), ids.slice(4)];
    await Promise.all(cancelled.map((id) => post(service, `/v3/jobs/${id}/cancel`)));
    const jobs = await Promise.all(kept.map((id) => ended(service, id)));
    expect(jobs.map(({ status }) => status)).toEqual(kept.map(() => "success"));
    for (const job of jobs) await expectImage(service, job.resultant_image_id);
    for (const id of cancelled)
      expect((await get(service, `/v3/jobs/${id}`)).error).toMatchObject({ code: "cancelled" });
    await nothingLeft(service);
  });
});
