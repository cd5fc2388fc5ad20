import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import type { ShellOrder } from "../../../core/jobs/plan.ts";
import { checkShell, closeShell, openShell } from "../../../functions/agent/steps/shell.ts";
import { waitForUser } from "../../../functions/agent/steps/wait-for-user.ts";
import { scratchFolder } from "../../support/archives.ts";
import { SHELL_ORDER, standInShell, type StandInShell } from "../../support/shell.ts";
import { stepContext } from "../../support/steps.ts";

const CHECK = { do: "check-shell", status: "fetching_image" } as const;
const OPEN = { do: "open-shell", status: "fetching_image" } as const;
const WAIT = { do: "wait-for-user", status: "waiting_on_user" } as const;
const CLOSE = { do: "close-shell", status: "packaging_artifacts" } as const;

async function contextWith(shell: StandInShell, order: Partial<ShellOrder> = {}) {
  const workFolder = await scratchFolder();
  const context = stepContext({ workFolder, state: { imageRoot: join(workFolder, "image/image-root") } });
  const plan = { ...context.plan, shell: { ...SHELL_ORDER, ...order } };
  return { ...context, plan, tools: { ...context.tools, shell: shell.tool } };
}

async function opened(shell: StandInShell, order: Partial<ShellOrder> = {}) {
  const context = await contextWith(shell, order);
  await openShell(context, OPEN);
  return context;
}

describe("checking for a shell before anything is fetched", () => {
  it("fails when sshd cannot use the job's key, saying why", async () => {
    const context = await contextWith(standInShell({ keyTrouble: async () => "it is a poem" }));
    await expect(checkShell(context, CHECK)).rejects.toMatchObject({
      code: "public_key_unusable",
      message: expect.stringContaining("it is a poem"),
    });
  });

  it("fails when sshd is not installed, and says that installing it also starts one", async () => {
    const missing = async () => {
      throw new DomainError("not-found", "sshd is missing.");
    };
    const context = await contextWith(standInShell({ check: missing }));
    await expect(checkShell(context, CHECK)).rejects.toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringMatching(/openssh-server.*port 22/u),
    });
  });

  it("fails where the agent has no mounts of its own", async () => {
    const forbidden = async () => {
      throw new DomainError("forbidden", "A shell needs mounts of its own.");
    };
    const context = await contextWith(standInShell({ check: forbidden }));
    await expect(checkShell(context, CHECK)).rejects.toMatchObject({ code: "not_supported" });
  });
});

describe("a shell", () => {
  it("is opened for the job's key, where the plan says, with the original's environment", async () => {
    const shell = standInShell();
    const ports = { first: 30_000, last: 30_009 };
    const context = await opened(shell, { dkms: true, ports });
    expect(shell.orders).toMatchObject([
      {
        publicKey: SHELL_ORDER.public_key,
        host: "127.0.0.1",
        ports,
        jail: true,
        dkms: true,
        folder: join(context.workFolder, "image"),
        environment: { IMS_JOB_ID: "j", IMS_ARCH: "x86_64", IMS_DKMS_ENABLED: "True" },
      },
    ]);
    expect(context.lines.join("\n")).toContain("ssh -p 2222 root@127.0.0.1");
  });

  it("does not name an address that is known to others only", async () => {
    const context = await opened(standInShell({}, true));
    expect(context.lines.join("\n")).toContain("the job's connection_info says where to reach it");
    expect(context.lines.join("\n")).not.toContain("127.0.0.1");
  });

  it("fails the job when it does not come up", async () => {
    const open = async () => {
      throw new DomainError("unavailable", "sshd did not greet.");
    };
    await expect(opened(standInShell({ open }))).rejects.toMatchObject({
      code: "shell_failed",
      message: "sshd did not greet.",
    });
  });

  it("lets the job go on when its user is done, and is closed then", async () => {
    const shell = standInShell();
    const context = await opened(shell);
    shell.say("complete");
    await waitForUser(context, WAIT);
    await closeShell(context, CLOSE);
    expect(shell.closed()).toBe(1);
    expect(context.state.shell).toBeUndefined();
  });

  it("ends the job when its user says that it failed", async () => {
    const shell = standInShell();
    const context = await opened(shell);
    shell.say("failed");
    await expect(waitForUser(context, WAIT)).rejects.toMatchObject({ code: "user_failed" });
  });

  it("ends the job when sshd ends by itself", async () => {
    const shell = standInShell();
    const context = await opened(shell);
    shell.end("exit code 255");
    await expect(waitForUser(context, WAIT)).rejects.toMatchObject({
      code: "shell_failed",
      message: expect.stringContaining("exit code 255"),
    });
  });

  it("warns its user and ends the job when nobody uses it", async () => {
    const shell = standInShell();
    const context = await opened(shell, { idle_seconds: 2, idle_warning_seconds: 1 });
    await expect(waitForUser(context, WAIT)).rejects.toMatchObject({
      code: "deadline_exceeded",
      hint: expect.stringContaining("IMS_IDLE_SECONDS"),
    });
    expect(shell.warnings).toEqual([expect.stringContaining("In 1 s it ends")]);
    expect(context.lines.join("\n")).toContain("Nobody has used this shell for 1 s.");
    expect(context.reports).toContainEqual(expect.objectContaining({ idleSeconds: 0 }));
  });

  it("ends at once when the job is cancelled", async () => {
    const shell = standInShell();
    const cancel = new AbortController();
    const context = { ...(await opened(shell)), signal: cancel.signal };
    const waiting = waitForUser(context, WAIT);
    cancel.abort(new Error("cancelled by somebody"));
    await expect(waiting).rejects.toThrow("cancelled by somebody");
  });
});
