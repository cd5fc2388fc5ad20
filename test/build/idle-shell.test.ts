import { describe, expect, it } from "vitest";
import { createAgentProcess } from "../support/agent-process.ts";
import { NOTHING } from "../support/local-runner.ts";
import { until } from "../support/service-process.ts";
import { SHELL_ORDER } from "../support/shell.ts";
import { sshClient } from "../support/ssh.ts";

/** The shell of a failed build, which ends when nobody has used it for so many seconds. */
async function shellThatEnds(idle_seconds: number, idle_warning_seconds: number) {
  const client = await sshClient();
  const order = { ...SHELL_ORDER, jail: false, public_key: client.publicKey };
  const agent = await createAgentProcess("exit 3", {
    shell: { ...order, idle_seconds, idle_warning_seconds },
  });
  await agent.launch();
  const port = await until(
    "the shell is open",
    async () => agent.service.reports.find(({ shell }) => shell !== undefined)?.shell?.port,
    60,
  );
  return { agent, ...client.at({ host: "127.0.0.1", port }) };
}

const failed = (agent: Awaited<ReturnType<typeof shellThatEnds>>["agent"]) =>
  until("the job has ended", async () => agent.service.failed(), 60);

describe("a shell that nobody uses", () => {
  it("warns who is logged in, ends, and leaves the failure that it was opened for", async () => {
    const { agent, sh } = await shellThatEnds(6, 4);
    // logged in, and waiting for words that never come
    const { code, out } = await sh("cat", "-tt");
    expect(out).toMatch(/IMS: Nobody has used this shell for 2 s\. In 4 s it ends/u);
    expect(code).not.toBe(0);
    expect(await failed(agent)).toMatchObject({ code: "build_failed", exit_code: 3 });
    expect(agent.service.log()).toContain("Nobody used the job's shell for 6 s");
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
  });

  it("is in use as long as something is shown on its terminal, or computed without one", async () => {
    const { agent, sh } = await shellThatEnds(4, 1);
    const shown = await sh("for n in 1 2 3 4 5 6 7 8 9; do echo $n; sleep 1; done", "-tt");
    expect(shown).toMatchObject({ code: 0, out: expect.stringContaining("9") });
    const computed = await sh(
      "for n in 1 2 3 4 5 6 7 8; do head -c 9000000 /dev/zero | md5sum; sleep 1; done",
    );
    expect(computed.code).toBe(0);
    expect(agent.service.failed()).toBeUndefined();
  });
});
