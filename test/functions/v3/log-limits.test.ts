import { createMemoryJobLogs } from "../../../adapters/job-logs/memory.ts";
import { describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

const DAY = 86_400_000;
/** What the agent's own words may take beyond the limit. */
const OWN_WORDS = 1_048_576;

async function launched(service: TestService) {
  const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
  await service.ims.reconciler.tick();
  return { id, ...agentOf(service, id) };
}
const fail = async ({ say }: ReturnType<typeof agentOf>) =>
  expect((await say("fail", { code: "build_failed", message: "m", hint: "h" })).status).toBe(204);
const logOf = async (service: TestService, id: string) => (await service.get(`/v3/jobs/${id}/log`)).text;

describe("a log's size", () => {
  it("is told to the agent, which keeps to it by itself", async () => {
    const { ask } = await launched(createTestService({ maxLogBytes: 5000 }));
    expect((await ask("plan")).json).toMatchObject({ log_bytes: 5000 });
  });

  it("is held by the service against an agent that does not: the last line says so, and the agent goes on", async () => {
    const service = createTestService({ maxLogBytes: 100 });
    const { id, log, ask } = await launched(service);
    const most = OWN_WORDS + 100;
    const text = "€".repeat(most / 3 - 10);
    let sent = 0;
    const print = async (more: string) => {
      const answer = await log(sent, more);
      sent += Buffer.byteLength(more);
      expect([answer.status, await answer.json()]).toEqual([200, { size: sent }]);
    };
    await print(text);
    const before = (await ask("log/size")).json.size;
    expect(before).toBe(sent);
    await print("€".repeat(20));
    await print("more\n");
    await print("and more\n");
    const stored = await logOf(service, id);
    const end = stored.slice(text.length);
    expect(end).toMatch(
      /^€{4,20} {0,5}\nThe log is longer than 100 bytes \(IMS_MAX_LOG_BYTES\): it ends here\.\n$/u,
    );
    expect(Buffer.byteLength(stored)).toBeLessThan(most + 100);
  });

  it("counts all attempts, and what is sent twice once", async () => {
    const service = createTestService({ maxLogBytes: 100 });
    const { id, log } = await launched(service);
    const half = "x".repeat((OWN_WORDS + 100) / 2);
    await log(0, half);
    await log(0, `${half}y`);
    service.runner.presence.delete(id);
    service.time.now += 11_000;
    await service.ims.reconciler.tick();
    await service.ims.reconciler.tick();
    const second = agentOf(service, id, 2);
    await second.log(0, half);
    const whole = await logOf(service, id);
    expect(whole.startsWith(`${half}y${"x".repeat(half.length - 1)}\nThe log is longer`)).toBe(true);
  });

  it("leaves a gap a gap", async () => {
    const service = createTestService({ maxLogBytes: 100 });
    const { log } = await launched(service);
    expect((await log(5, "x".repeat(OWN_WORDS + 200))).status).toBe(409);
  });
});

describe("old logs", () => {
  async function ended(service: TestService) {
    const job = await launched(service);
    await job.log(0, "text\n");
    await fail(job);
    await service.ims.reconciler.tick();
    return job.id;
  }

  it("go when their job ended longer ago than the retention, and no others", async () => {
    const service = createTestService({ logRetentionDays: 30, maxRunning: 5 });
    const [old, running] = [await ended(service), await launched(service)];
    await running.log(0, "still at it\n");
    service.time.now += 20 * DAY;
    const recent = await ended(service);
    service.time.now += 10 * DAY;
    await service.ims.removeOldLogs();
    expect(await logOf(service, old)).toBe("text\n");
    service.time.now += DAY;
    await service.ims.removeOldLogs();
    expect(await Promise.all([old, running.id, recent].map((id) => logOf(service, id)))).toEqual([
      "",
      "still at it\n",
      "text\n",
    ]);
    expect((await service.get(`/v3/jobs/${old}`)).json).toMatchObject({ error: { log_tail: ["text"] } });
  });

  it("stay as long as their jobs when the retention is 0", async () => {
    const service = createTestService({ logRetentionDays: 0 });
    const id = await ended(service);
    service.time.now += 10_000 * DAY;
    await service.ims.removeOldLogs();
    expect(await logOf(service, id)).toBe("text\n");
  });

  it("are found when a crash came between a job's removal and its log's", async () => {
    const service = createTestService({ logRetentionDays: 0 });
    const orphan = "0b5b0e5e-5d0f-4f0c-9b0a-1d2e3f405162";
    await service.ports.logs.append(orphan, 1, 0, Buffer.from("text\n"));
    const kept = await ended(service);
    await service.ims.removeOldLogs();
    expect(await Array.fromAsync(service.ports.logs.list())).toEqual([kept]);
  });

  it("are completed when their job is cleaned up, and within an hour when a crash came before", async () => {
    const logs = createMemoryJobLogs();
    const completed: string[] = [];
    let isBroken = false;
    const complete = async (id: string) => {
      if (isBroken) throw new Error("the store is away");
      completed.push(id);
    };
    const service = createTestService({ maxRunning: 5 }, { logs: { ...logs, complete } });
    const first = await ended(service);
    expect(completed).toEqual([first]);
    isBroken = true;
    const second = await ended(service);
    expect(service.events.map(({ event }) => event)).toContain("reconcile-failed");
    isBroken = false;
    const running = await launched(service);
    await running.log(0, "still at it\n");
    for (let hour = 0; hour < 3; hour += 1) {
      await service.ims.removeOldLogs();
      service.time.now += 3_600_000;
    }
    expect(completed).toHaveLength(3);
    expect(new Set(completed)).toEqual(new Set([first, second]));
  });

  it("are looked for once an hour, and not after the service was told to stop", async () => {
    const service = createTestService({ logRetentionDays: 1 });
    await service.ims.removeOldLogs();
    const id = await ended(service);
    service.time.now += 2 * DAY;
    await service.ims.removeOldLogs(AbortSignal.abort());
    await service.ims.removeOldLogs();
    expect(await logOf(service, id)).toBe("text\n");
    service.time.now += 3_600_000;
    await service.ims.removeOldLogs();
    expect(await logOf(service, id)).toBe("");
  });
});
