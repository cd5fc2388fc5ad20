import { describe, expect, it } from "vitest";
import { DomainError } from "../../core/errors.ts";
import { StepFailure } from "../../functions/agent/step.ts";
import { createAgentBench } from "../support/agent-bench.ts";
import { until } from "../support/local-runner.ts";
import { standInShell } from "../support/shell.ts";

const broken = () => {
  throw new StepFailure("build_failed", "A package is missing.", { hint: "Name another.", exitCode: 1 });
};
const FAILURE = {
  code: "build_failed",
  message: "A package is missing.",
  hint: "Name another.",
  exit_code: 1,
};

describe("a build that fails in a job with a debug shell", () => {
  it("is told with the shell's address, and again at the end, whatever the user said", async () => {
    for (const word of ["complete", "failed"] as const) {
      const shell = standInShell();
      const { service, run } = await createAgentBench({ shell: shell.tool });
      const running = run({ "build-with-kiwi": broken });
      const open = await until(() => service.reports.find(({ status }) => status === "waiting_on_user"));
      expect(open).toMatchObject({
        shell: { port: 2222 },
        held: { ...FAILURE, phase: "building_image" },
      });
      // the lines that say why have to be there before it is held
      expect(service.log()).toContain("The build failed (build_failed)");
      expect(shell.orders[0]?.folder).toMatch(/\/build$/u);
      shell.say(word);
      await running;
      expect(service.failed()).toEqual(FAILURE);
      expect(shell.closed()).toBe(1);
    }
  });

  it("fails as it did, and says why there was no shell, when that cannot be opened", async () => {
    const open = async () => {
      throw new DomainError("unavailable", "sshd did not greet.");
    };
    const shell = standInShell({ open });
    const { service, run } = await createAgentBench({ shell: shell.tool });
    await run({ "build-with-kiwi": broken });
    expect(service.failed()).toEqual(FAILURE);
    expect(service.log()).toContain("There is no shell to look into the failed build: sshd did not greet.");
    expect(service.reports.map(({ status }) => status)).not.toContain("waiting_on_user");
  });

  it("closes the shell when the job is cancelled meanwhile", async () => {
    const shell = standInShell();
    const { service, run, end } = await createAgentBench({ shell: shell.tool });
    const running = run({ "build-with-kiwi": broken });
    await until(() => service.reports.find(({ status }) => status === "waiting_on_user"));
    end();
    await expect(running).rejects.toThrow("ended by the test");
    expect(shell.closed()).toBe(1);
  });

  it("has no shell for what fails in another phase", async () => {
    const shell = standInShell();
    const { service, run } = await createAgentBench({ shell: shell.tool });
    await run({ upload: broken });
    expect(service.failed()).toEqual(FAILURE);
    expect(shell.orders).toEqual([]);
  });
});
