import { describe, expect, it } from "vitest";
import { DomainError } from "../../core/errors.ts";
import { StepFailure } from "../../functions/agent/step.ts";
import { ARTIFACT, createAgentBench } from "../support/agent-bench.ts";
import { until } from "../support/local-runner.ts";
import { TOKEN } from "../support/stub-service.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("an agent whose steps succeed", () => {
  it("reports each status in order, ships the log and finishes with what was uploaded", async () => {
    const { service, run } = await createAgentBench();
    await run({
      "build-with-kiwi": async (context) => {
        context.log("hello from the build");
        await context.run({ file: "echo", args: ["hello from a program"] });
      },
    });
    expect(service.reports.map(({ status }) => status)).toEqual([
      "waiting_for_repos",
      "building_image",
      "packaging_artifacts",
    ]);
    expect(service.finished()).toEqual({ artifacts: [ARTIFACT] });
    expect(service.failed()).toBeUndefined();
    expect(service.log()).toMatch(
      /^step await-repositories began\nstep await-repositories took \d+\.\d{3} s\nstep build-with-kiwi began\nhello from the build\nhello from a program\nstep build-with-kiwi took \d+\.\d{3} s\nstep upload began\nstep upload took \d+\.\d{3} s\n$/u,
    );
  });

  it("has its log with the service before it says that it is done", async () => {
    const { service, run } = await createAgentBench();
    await run({});
    expect(service.asked.at(-1)).toBe("POST /finish");
    expect(service.asked.filter((asked) => asked === "POST /finish")).toHaveLength(1);
  });

  it("tells what it is doing while a step runs, and again when nothing changes", async () => {
    const { service, run } = await createAgentBench({ heartbeat: 0.1 });
    await run({
      "build-with-kiwi": async ({ progress }) => {
        progress({ message: "Installing\npackages", percent: 140 });
        await until(() => service.reports.filter(({ percent }) => percent === 100).length > 1 || undefined);
      },
    });
    const said = service.reports.filter(
      ({ status, percent }) => status === "building_image" && percent === 100,
    );
    expect(said[0]?.message).toBe("Installing packages");
  });

  it("hands steps fresh places to upload to", async () => {
    const { service, run } = await createAgentBench();
    const urls: string[] = [];
    await run({
      upload: async (context) => {
        const target = await context.service.uploadTarget("kernel", 3);
        if (target.method === "PUT") urls.push(target.url);
      },
    });
    expect(urls).toEqual([`${service.url}/put`]);
    expect(service.asked).toContain("POST /artifacts/kernel/upload");
  });
});

describe("an agent whose step fails", () => {
  it("tells why and does nothing more", async () => {
    const { service, run } = await createAgentBench();
    let uploaded = false;
    await run({
      "build-with-kiwi": () => {
        throw new StepFailure("build_failed", "kiwi ended with exit code 7.", {
          hint: "See the log.",
          exitCode: 7,
        });
      },
      upload: () => {
        uploaded = true;
      },
    });
    expect(service.failed()).toEqual({
      code: "build_failed",
      message: "kiwi ended with exit code 7.",
      hint: "See the log.",
      exit_code: 7,
    });
    expect(uploaded).toBe(false);
    expect(service.finished()).toBeUndefined();
    expect(service.reports.at(-1)?.status).toBe("building_image");
    expect(service.log()).toMatch(
      /step build-with-kiwi failed after \d+\.\d{3} s\nThe job failed \(build_failed\): kiwi ended with exit code 7\.\n$/u,
    );
  });

  it.each([
    ["a full disk that Node.js met", Object.assign(new Error("write"), { code: "ENOSPC" })],
    ["a full disk that an adapter met", new DomainError("storage-full", "full")],
    [
      "a full disk below another error",
      new Error("cannot unpack", { cause: new DomainError("storage-full", "x") }),
    ],
  ])("calls it disk_full: %s", async (_, error) => {
    const { service, run } = await createAgentBench();
    await run({
      "build-with-kiwi": () => {
        throw error;
      },
    });
    expect(service.failed()).toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(
        /The job asked for 60 GiB \(build_env_size\), its work folder holds [\d.]+ [GM]iB, of the disk's [\d.]+ GiB are [\d.]+ [GM]iB free\.$/u,
      ),
      hint: expect.stringContaining("IMS_MAX_JOBS"),
    });
  });

  it("keeps what nobody foresaw to the machine's operator", async () => {
    const { service, complaints, run } = await createAgentBench();
    await run({
      "build-with-kiwi": () => {
        throw new TypeError(`cannot read /root/private with ${TOKEN}`);
      },
    });
    expect(service.failed()).toMatchObject({
      code: "internal",
      message: "The agent met with an error that it does not know.",
    });
    expect(complaints.join("\n")).toContain("cannot read /root/private");
    expect(complaints.join("\n")).not.toContain(TOKEN);
  });

  it("fails with internal when a plan ends without anything uploaded", async () => {
    const { service, run } = await createAgentBench();
    await run({
      upload: ({ state }) => {
        state.uploaded = [];
      },
    });
    expect(service.failed()?.code).toBe("internal");
    expect(service.finished()).toBeUndefined();
  });

  it("keeps a message within the service's limits, and secrets out of it", async () => {
    const { service, run } = await createAgentBench();
    await run({
      "build-with-kiwi": () => {
        const message = `${TOKEN} https://u:pass@repo/?signature=abc ${"é".repeat(3000)}`;
        throw new StepFailure("build_failed", message, { hint: "x\ny".repeat(2000) });
      },
    });
    expect(service.failed()?.message).toMatch(
      /^\[redacted\] https:\/\/u:\[redacted\]@repo\/\?signature=\[redacted\] é+$/u,
    );
  });
});

describe("an agent that is not wanted any more", () => {
  it.each(["POST /report", "POST /log", "GET /plan"] as const)(
    "ends its step when %s is answered 410",
    async (where) => {
      const { service, run } = await createAgentBench({ heartbeat: 0.1 });
      const gone = { yes: where === "GET /plan" };
      service.intercept((asked) => (gone.yes && asked === where ? 410 : undefined));
      const running = run({
        "build-with-kiwi": async (context) => {
          gone.yes = true;
          context.log("something");
          await context.run({ file: "sleep", args: ["300"], signal: context.signal });
        },
      });
      await expect(running).rejects.toMatchObject({ name: "AgentEnding", exitCode: 0 });
      expect(service.failed()).toBeUndefined();
      expect(service.finished()).toBeUndefined();
    },
  );

  it.each([401, 403])("ends with exit code 1 when its token is answered %i", async (status) => {
    const { service, run } = await createAgentBench();
    service.intercept(() => status);
    await expect(run({})).rejects.toMatchObject({ name: "AgentEnding", exitCode: 1 });
    expect(service.asked).toEqual(["GET /plan"]);
  });

  it("says nothing more when it is ended from outside", async () => {
    const { service, run, end } = await createAgentBench();
    const running = run({
      "build-with-kiwi": async ({ signal, run: command }) => {
        setTimeout(end, 20);
        await command({ file: "sleep", args: ["300"], signal });
      },
    });
    await expect(running).rejects.toMatchObject({ exitCode: 143 });
    expect(service.failed()).toBeUndefined();
  });

  it("takes 410 for its finish as well: an earlier one was heard and only its answer was lost", async () => {
    const { service, run } = await createAgentBench();
    const lost = { yes: false };
    service.intercept((asked) => {
      if (asked !== "POST /finish" || lost.yes) return undefined;
      lost.yes = true;
      return 500;
    });
    await run({});
    expect(service.finished()).toEqual({ artifacts: [ARTIFACT] });
  });
});

describe("an agent whose service is away", () => {
  it("works on and catches up: nothing of the log is missing, nothing twice, no status left out", async () => {
    const { service, run } = await createAgentBench({ heartbeat: 0.1 });
    const wanted: string[] = [];
    await run({
      "await-repositories": async (context) => {
        for (let line = 0; line < 2000; line += 1) {
          wanted.push(`line ${line} – ü`);
          context.log(`line ${line} – ü`);
          if (line === 400) await service.stop();
          if (line % 100 === 0) await pause(10);
        }
      },
      "build-with-kiwi": async () => {
        await service.start();
      },
    });
    const lines = service
      .log()
      .split("\n")
      .filter((line) => line.startsWith("line "));
    expect(lines).toEqual(wanted);
    const statuses = service.reports.map(({ status }) => status);
    expect([...new Set(statuses)]).toEqual(["waiting_for_repos", "building_image", "packaging_artifacts"]);
    expect(service.finished()).toBeDefined();
  });

  it("bears answers that say that the service cannot answer now, and those that come too late", async () => {
    const { service, run } = await createAgentBench();
    let count = 0;
    service.intercept(async () => {
      count += 1;
      if (count % 4 === 0) await pause(1100);
      return count % 2 === 0 ? [500, 502, 503, 429, 408][count % 5] : undefined;
    });
    await run({ "build-with-kiwi": ({ log }) => log("a line") });
    expect(service.finished()).toBeDefined();
    expect(service.log().match(/a line/gu)).toHaveLength(1);
  });

  it("gives up when nobody answers for longer than it has patience, though its step goes well", async () => {
    const { service, run } = await createAgentBench({ heartbeat: 0.1, patience: 0.3 });
    const running = run({
      "build-with-kiwi": async ({ signal, run: command }) => {
        await service.stop();
        await command({ file: "sleep", args: ["300"], signal });
      },
    });
    await expect(running).rejects.toMatchObject({
      exitCode: 1,
      message: "The service did not answer for 0.3 seconds.",
    });
  });

  it("fails the job, not itself, when what that works on is gone", async () => {
    const { service, run } = await createAgentBench();
    service.intercept((asked) => (asked === "GET /plan" ? 422 : undefined));
    await run({});
    expect(service.failed()).toMatchObject({
      code: "download_failed",
      hint: expect.stringContaining("anew"),
    });
  });

  it("does not take a plan that it does not understand for no answer", async () => {
    const { service, run } = await createAgentBench();
    service.intercept((asked) => (asked === "GET /plan" ? 204 : undefined));
    await run({});
    expect(service.failed()).toMatchObject({ code: "internal" });
    expect(service.asked.filter((asked) => asked === "GET /plan")).toHaveLength(1);
  });
});

describe("the log that an agent ships", () => {
  it("goes on from where the service has it when the service reports a gap", async () => {
    const { service, run } = await createAgentBench();
    await run({
      "await-repositories": async (context) => {
        context.log("first");
        await until(() => service.log().includes("first") || undefined);
        service.forgetLog(3);
        context.log("second");
      },
    });
    expect(service.asked).toContain("GET /log/size");
    expect(service.log().match(/first|second/gu)).toEqual(["first", "second"]);
  });

  it("is given up when the service never takes any of it, and the job goes on", async () => {
    const { service, complaints, run } = await createAgentBench();
    service.intercept((asked) => (asked === "POST /log" ? 409 : undefined));
    await run({});
    expect(service.finished()).toBeDefined();
    expect(complaints).toHaveLength(1);
    expect(service.asked.filter((asked) => asked === "POST /log").length).toBeLessThan(10);
  });

  it("is given up when the service refuses it, and the job goes on", async () => {
    const { service, complaints, run } = await createAgentBench();
    service.intercept((asked) => (asked === "POST /log" ? 413 : undefined));
    await run({});
    expect(service.finished()).toBeDefined();
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain("413");
  });

  it("takes a large output whole, and in order", async () => {
    const { service, run } = await createAgentBench();
    await run({
      "build-with-kiwi": async (context) => void (await context.run({ file: "seq", args: ["500000"] })),
    });
    const numbers = service
      .log()
      .split("\n")
      .filter((line) => /^\d+$/u.test(line));
    expect(numbers).toHaveLength(500_000);
    expect(numbers.every((line, index) => line === String(index + 1))).toBe(true);
    expect(service.repeated()).toBe(0);
  });

  it("ends at its limit with a word about it, but not before the agent's own last words", async () => {
    const { service, run } = await createAgentBench({ maxLogBytes: 10_000 });
    await run({
      "build-with-kiwi": async (context) => void (await context.run({ file: "seq", args: ["100000"] })),
    });
    expect(service.log().length).toBeLessThan(11_000);
    expect(service.log().match(/The log is longer than 10000 bytes/gu)).toHaveLength(1);
    expect(service.log()).toMatch(/step upload took \d+\.\d{3} s\n$/u);
  });

  it("holds no value of a template variable whose name says that it is secret, nor does the failure", async () => {
    const { service, run } = await createAgentBench({
      variables: { ROOT_PASSWORD: "correct horse", NAME: "tumbleweed" },
    });
    await run({
      "build-with-kiwi": async (context) => {
        context.log("tumbleweed: correct horse");
        throw new StepFailure("build_failed", "It said correct horse.", { hint: "See the log." });
      },
    });
    expect(service.log()).toContain("tumbleweed: [redacted]\n");
    expect(service.failed()).toMatchObject({ message: "It said [redacted]." });
    expect(service.log()).not.toContain("horse");
  });

  it("holds neither the token nor signatures nor passwords, whoever prints them", async () => {
    const { service, run } = await createAgentBench();
    await run({
      "build-with-kiwi": async (context) => {
        context.log(`token ${TOKEN}`);
        const url = "http://u:hunter2@host/x?a=1&X-Amz-Signature=0a1b2c&signature=abc&b=2";
        await context.run({ file: "echo", args: [url] });
      },
    });
    expect(service.log()).toContain("token [redacted]\n");
    expect(service.log()).toContain(
      "http://u:[redacted]@host/x?a=1&X-Amz-Signature=[redacted]&signature=[redacted]&b=2\n",
    );
    expect(service.log()).not.toMatch(/hunter2|0a1b2c|abc/u);
  });
});

describe("an agent that waits for the service to store the end of its job", () => {
  it("goes on telling that it lives, so that nobody takes it for lost", async () => {
    const { service, run } = await createAgentBench({ heartbeat: 0.05 });
    service.intercept(async (asked) => {
      if (asked !== "POST /finish") return undefined;
      const before = service.reports.length;
      await until(() => service.reports.length > before + 2 || undefined);
      return undefined;
    });
    await run({});
    expect(service.finished()).toBeDefined();
  });
});
