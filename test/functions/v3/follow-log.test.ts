import { getRequestListener } from "@hono/node-server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryJobLogs } from "../../../adapters/job-logs/memory.ts";
import { sendDirectly } from "../../../functions/runtime/outgoing.ts";
import { createFollower } from "../../support/event-stream.ts";
import { httpServer } from "../../support/http-server.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";
import { createManualClock } from "../../support/manual-clock.ts";

let service: TestService;
let id: string;
let agent: ReturnType<typeof agentOf>;
/** Bytes that the agent has sent. */
let sent: number;

async function begin(replace: Parameters<typeof createTestService>[1] = {}) {
  service = createTestService({}, replace);
  id = (await service.post("/v3/jobs", await jobRequest(service))).json.id;
  await service.ims.reconciler.tick();
  agent = agentOf(service, id);
  sent = 0;
}
beforeEach(() => begin());

async function print(text: string) {
  const answer = await agent.log(sent, text);
  expect(answer.status).toBe(200);
  sent += Buffer.byteLength(text);
}
const failure = { code: "build_failed", message: "It broke.", hint: "Mend it." };
const release = () => service.ims.reconciler.tick();

const address = (query = "") => `/v3/jobs/${id}/log?follow=1${query}`;
async function follow(query = "", headers: Record<string, string> = {}) {
  const response = await service.app.request(address(query), { headers });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  return createFollower(response.body);
}
type Follower = Awaited<ReturnType<typeof follow>>;

/** Does something while all of them wait with nothing to say, until this is true of each. */
async function waiting(
  followers: readonly Follower[],
  isSo: (follower: Follower) => boolean,
  act: () => unknown,
) {
  const all = followers.map((each) => each.until(() => isSo(each)));
  await new Promise((resolve) => setImmediate(resolve));
  await act();
  await Promise.all(all);
}
const following = () => service.ims.jobLogs.following();

describe("a job's log that is followed", () => {
  it("comes with what there is, then line by line, with the job's progress, and says how the job ended", async () => {
    await print("first\nsecond\n");
    const follower = await follow();
    await follower.until(() => follower.log() === "first\nsecond\n");
    expect(follower.progress()).toEqual([{ status: "creating" }]);
    expect(follower.lastId()).toBe("13");

    const told = { status: "building_image", message: "kiwi", percent: 40 };
    await waiting(
      [follower],
      ({ progress }) => progress().length === 2,
      () => agent.say("report", told),
    );
    expect(follower.progress()[1]).toEqual(told);
    for (const line of ["third\n", "fourth\n"])
      await waiting(
        [follower],
        ({ log }) => log().endsWith(line),
        () => print(line),
      );

    await agent.say("fail", failure);
    await release();
    expect(await follower.toEnd()).toEqual({
      event: "end",
      data: JSON.stringify({ status: "error", code: "build_failed", message: "It broke." }),
      lastId: "26.end",
    });
    expect(follower.log()).toBe("first\nsecond\nthird\nfourth\n");
  });

  it("is told again neither progress that is the same nor heartbeats", async () => {
    const follower = await follow();
    await waiting(
      [follower],
      ({ progress }) => progress().at(-1)?.percent === 2,
      async () => {
        for (const percent of [1, 1, 1, 2]) {
          await agent.say("report", { status: "building_image", percent });
          service.time.now += 10_000;
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    );
    expect(follower.progress().map(({ percent }) => percent)).toEqual([undefined, 1, 2]);
  });

  it("is there under the gateway's prefix", async () => {
    await print("line\n");
    const response = await service.app.request(`/apis/ims${address()}`);
    const follower = createFollower(response.body);
    await follower.until(() => follower.log() !== "");
    expect(follower.log()).toBe("line\n");
  });

  it("goes on after any event, or any byte, without gap or repetition", async () => {
    const text = Array.from({ length: 20 }, (_, n) => `line ${n}\n`).join("");
    await print(text);
    for (let at = 0; at <= text.length; at += 1) {
      const follower = await follow(`&from=${at}`);
      await print(`more ${at}\n`);
      const expected = text.slice(at);
      await follower.until(
        () => follower.log().startsWith(expected) && follower.log().endsWith(`more ${at}\n`),
      );
      const resumed = await follow("", { "last-event-id": String(text.length) });
      await resumed.until(() => resumed.log().endsWith(`more ${at}\n`));
      expect(follower.log()).toBe(expected + resumed.log());
      await follower.leave();
      await resumed.leave();
    }
  });

  it("goes by Last-Event-ID before the address, which a browser cannot change when it comes back", async () => {
    await print("one\ntwo\nthree\n");
    const follower = await follow("&from=4", { "last-event-id": "8" });
    await follower.until(() => follower.log() !== "");
    expect(follower.log()).toBe("three\n");
  });

  it("takes a position that the log has not reached for its end", async () => {
    await print("one\n");
    const follower = await follow("&from=1000");
    await follower.until(() => follower.progress().length === 1);
    await print("two\n");
    await follower.until(() => follower.log() === "two\n");
    expect(follower.lastId()).toBe("8");
  });

  it("keeps back a line until it has an end, and the last one until nothing follows any more", async () => {
    const follower = await follow();
    await print("whole\nha");
    await follower.until(() => follower.log() === "whole\n");
    await print("lf\nno end");
    await follower.until(() => follower.log() === "whole\nhalf\n");
    await agent.say("fail", failure);
    await release();
    await follower.toEnd();
    expect(follower.log()).toBe("whole\nhalf\nno end\n");
    expect(follower.lastId()).toBe(`${sent}.end`);
  });

  it("comes in pieces when there is much of it, longer lines than a piece included, all characters whole", async () => {
    const text = `${"ü€😀".repeat(30_000)}\n${"x".repeat(70_000)}\n${"short\n".repeat(30_000)}`;
    for (let at = 0; at < text.length; at += 200_000) await print(text.slice(at, at + 200_000));
    const follower = await follow();
    await follower.until(() => follower.lastId() === String(Buffer.byteLength(text)));
    const pieces = follower.received.filter(({ event }) => event === "log");
    expect(pieces.length).toBeGreaterThan(5);
    const ends = pieces.map(({ lastId }) => Number(lastId));
    const whole = Buffer.from(text);
    for (const [n, { data }] of pieces.entries()) {
      const stored = whole.subarray(ends[n - 1] ?? 0, ends[n]).toString();
      expect(data).toBe(stored.replace(/\n$/u, ""));
      expect(stored.length).toBeLessThanOrEqual(65_536);
      expect(data).not.toContain("\uFFFD");
    }
  });

  it("takes a carriage return for the end of a line, as its format does", async () => {
    await print("a\rb\r\nc\n");
    const follower = await follow();
    await follower.until(() => follower.log() !== "");
    expect(follower.log()).toBe("a\nb\nc\n");
  });

  it("goes on with the next attempt of a job whose launch was lost", async () => {
    const follower = await follow();
    await print("first attempt\n");
    service.runner.presence.delete(id);
    service.time.now += 11_000;
    await release();
    await release();
    agent = agentOf(service, id, 2);
    sent = 0;
    for (const line of ["second attempt\n", "goes on\n", "and on\n"]) {
      await print(line);
      await follower.until(() => follower.log().endsWith(line));
    }
    expect(follower.log()).toBe("first attempt\nsecond attempt\ngoes on\nand on\n");
    expect(follower.lastId()).toBe(String(14 + sent));
    for (const at of [15, 23, 14, 29, 0]) {
      const other = await follow(`&from=${at}`);
      await other.until(() => other.lastId() === follower.lastId());
      expect(other.log()).toBe(follower.log().slice(at));
      await other.leave();
    }
  });

  it("is what is stored, also when an agent sends again, and otherwise, what is there already", async () => {
    const follower = await follow();
    for (const line of ["one\n", "two\n", "three\n"]) {
      await print(line);
      await follower.until(() => follower.log().endsWith(line));
    }
    await agent.log(8, "THREE\nfour\n");
    await follower.until(() => follower.log().endsWith("four\n"));
    const other = await follow("&from=8");
    await other.until(() => other.lastId() === "19");
    expect([follower.log(), other.log()]).toEqual(["one\ntwo\nthree\nfour\n", "three\nfour\n"]);
  });

  it("is not complete before nothing of the work is left: an agent may still have last words", async () => {
    const follower = await follow();
    await print("before\n");
    await service.post(`/v3/jobs/${id}/cancel`);
    await print("last words\n");
    await follower.until(
      () => follower.progress().at(-1)?.status === "error" && follower.log().includes("last"),
    );
    expect(following()).toBe(1);
    await release();
    expect(await follower.toEnd()).toMatchObject({ event: "end", lastId: "18.end" });
    expect((await agent.log(sent, "too late\n")).status).toBe(410);
    expect((await service.get(`/v3/jobs/${id}/log`)).text).toBe("before\nlast words\n");
  });

  it("is complete ten minutes after the end at the latest, whatever keeps the work from being cleaned", async () => {
    service.runner.stop = async () => {
      throw new Error("the work folder is busy");
    };
    await service.post(`/v3/jobs/${id}/cancel`);
    await release();
    service.time.now += 601_000;
    expect(await (await follow()).toEnd()).toMatchObject({ event: "end" });
    expect((await agent.log(sent, "too late\n")).status).toBe(410);
  });

  it("says again how a job ended to who has not heard it, and nothing (204) to who has", async () => {
    await print("line\n");
    await agent.say("fail", failure);
    await release();
    const late = await follow("", { "last-event-id": "5" });
    expect(await late.toEnd()).toMatchObject({ event: "end", lastId: "5.end" });
    expect(late.log()).toBe("");
    for (const heard of [{ headers: { "last-event-id": "5.end" } }, {}]) {
      const query = "headers" in heard ? "" : "&from=5.end";
      const answer = await service.app.request(address(query), heard);
      expect([answer.status, await answer.text()]).toEqual([204, ""]);
    }
  });

  it("ends with a word of its own when the job is deleted", async () => {
    await print("line\n");
    const follower = await follow();
    await follower.until(() => follower.log() === "line\n");
    await service.remove(`/v3/jobs/${id}`);
    expect(await follower.toEnd()).toMatchObject({ event: "deleted", data: "{}" });
    expect((await service.get(address())).status).toBe(404);
    expect(following()).toBe(0);
  });

  it.each(["x", "-1", "1.5", "5.END", "9".repeat(16), "1 "])("does not go on from %j", async (from) => {
    expect((await service.get(address(`&from=${encodeURIComponent(from)}`))).status).toBe(400);
    const sentId = { "last-event-id": `${from}!` };
    expect((await service.get(address(), sentId)).status).toBe(400);
  });

  it("is asked for by 1 or true; other words are refused, and 0 is the text as it is", async () => {
    await print("line\n");
    const text = async (word: string) => await service.get(`/v3/jobs/${id}/log?follow=${word}`);
    expect((await text("maybe")).status).toBe(400);
    expect((await text("0")).text).toBe("line\n");
    expect((await text("false")).headers.get("content-type")).toBe("text/plain; charset=utf-8");
    const response = await service.app.request(`/v3/jobs/${id}/log?follow=true`);
    await createFollower(response.body).until(() => true);
    await response.body?.cancel().catch(() => undefined);
  });

  it("answers 404 and HEAD before anything is followed", async () => {
    expect((await service.get("/v3/jobs/unknown/log?follow=1")).status).toBe(404);
    const head = await service.app.request(address(), { method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      "text/event-stream",
      "",
    ]);
    expect(following()).toBe(0);
  });
});

describe("silence", () => {
  afterEach(() => vi.useRealTimers());

  it("is broken by a comment every 15 seconds, so that nobody takes the connection for dead", async () => {
    const follower = await follow();
    await follower.until(() => follower.progress().length === 1);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    for (const comments of [1, 2]) {
      const waiting = follower.until(
        () => follower.received.filter(({ event }) => event === "comment").length === comments,
      );
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
      await vi.advanceTimersByTimeAsync(15_000);
      await waiting;
    }
    const waiting = follower.until(() => follower.log() === "line\n");
    await print("line\n");
    await waiting;
  });
});

describe("many followers of one job", () => {
  const MANY = 50;

  /** A store that counts how often it is read. */
  function countedLogs() {
    const logs = createMemoryJobLogs();
    let reads = 0;
    const read: typeof logs.read = (...asked) => {
      reads += 1;
      return logs.read(...asked);
    };
    return { logs: { ...logs, read }, reads: () => reads };
  }

  it("share each read of the log, and all get the same", async () => {
    const counted = countedLogs();
    await begin({ logs: counted.logs });
    const followers = await Promise.all(Array.from({ length: MANY }, () => follow()));
    for (let line = 0; line < 20; line += 1) {
      const text = `line ${line}\n`;
      await waiting(
        followers,
        ({ log }) => log().endsWith(text),
        () => print(text),
      );
    }
    expect(following()).toBe(MANY);
    expect(counted.reads()).toBeLessThan(40);
    expect(new Set(followers.map((each) => JSON.stringify(each.received))).size).toBe(1);
  });

  it("are not held up by one that reads nothing, which costs nothing until it goes on and then has all of it", async () => {
    const counted = countedLogs();
    await begin({ logs: counted.logs });
    const slow = await follow();
    await slow.until(() => slow.progress().length === 1);
    const quick = await follow();
    const line = `${"x".repeat(999)}\n`;
    for (let n = 0; n < 20; n += 1) {
      await print(line.repeat(100));
      await quick.until(() => quick.lastId() === String(sent));
    }
    const before = counted.reads();
    await slow.until(() => slow.lastId() === String(sent));
    expect(counted.reads() - before).toBeGreaterThan(10);
    expect(slow.log()).toBe(quick.log());
  });

  it("leave nothing behind when they go, whether something comes for them or not", async () => {
    const followers = await Promise.all(Array.from({ length: MANY }, () => follow()));
    expect(following()).toBe(0);
    await Promise.all(followers.map((each) => each.until(() => each.progress().length === 1)));
    expect(following()).toBe(MANY);
    await Promise.all(followers.slice(1).map((each) => each.leave()));
    expect(following()).toBe(1);
    const [last] = followers;
    await print("line\n");
    await last?.until(() => last.log() === "line\n");
    await last?.leave();
    expect(following()).toBe(0);
  });

  it("leave nothing behind when their connections break off, also while there is nothing to say", async () => {
    const listener = getRequestListener(async ({ url }: Request, env: Parameters<typeof sendDirectly>[1]) =>
      sendDirectly(
        await service.app.request(url.replace(/^https?:\/\/[^/]+/u, "")),
        env,
        service.ports.telemetry,
      ),
    );
    const url = await httpServer((incoming, outgoing) => void listener(incoming, outgoing));
    const connections = Array.from({ length: MANY }, () => new AbortController());
    await Promise.all(
      connections.map(async ({ signal }) => {
        const { body } = await fetch(url + address(), { signal });
        const follower = createFollower(body);
        await follower.until(() => follower.progress().length === 1);
      }),
    );
    expect(following()).toBe(MANY);
    for (const connection of connections) connection.abort();
    await vi.waitFor(() => expect(following()).toBe(0));
  });

  it("are let go when the service stops, without a last word, and later ones at once", async () => {
    const followers = await Promise.all(Array.from({ length: MANY }, () => follow()));
    await Promise.all(followers.map((each) => each.until(() => each.progress().length === 1)));
    service.ims.jobLogs.endFollowing();
    for (const each of followers) expect(await each.toEnd()).toMatchObject({ event: "progress" });
    expect(await (await follow()).toEnd()).toBeUndefined();
    expect(following()).toBe(0);
  });
});

describe("a job whose agent speaks to another process", () => {
  it("is followed all the same, by looks at the store for all followers together: at the log in under a second, at the job every two", async () => {
    const time = createManualClock();
    await begin();
    const { records, logs, signer, ids } = service.ports;
    const speaking = { service, agent };
    const other = createTestService({}, { records, logs, signer, ids, clock: time.clock });
    service = other;
    const followers = await Promise.all([follow(), follow()]);
    await Promise.all(followers.map((each) => each.until(() => each.progress().length === 1)));
    for (const line of ["first\n", "second\n"])
      await waiting(
        followers,
        ({ log }) => log().endsWith(line),
        async () => {
          await speaking.agent.log(line === "first\n" ? 0 : 6, line);
          time.advance(700);
        },
      );
    await waiting(
      followers,
      ({ received }) => received.at(-1)?.event === "end",
      async () => {
        await speaking.agent.say("fail", failure);
        await speaking.service.ims.reconciler.tick();
        time.advance(700);
      },
    );
    expect(followers.map((each) => each.log())).toEqual(["first\nsecond\n", "first\nsecond\n"]);
  });
});
