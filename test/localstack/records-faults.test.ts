import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { isDomainError } from "../../core/errors.ts";
import type { Change, Records } from "../../core/ports/records.ts";
import { dynamoProxy, type Fault, PASSING_FAULTS } from "../support/dynamo-proxy.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { localstack } from "../support/localstack.ts";
import { increment } from "../support/records-counter.ts";
import {
  claimValue,
  idsOf,
  imageValue,
  insertClaim,
  insertImage,
  replaceImage,
} from "../support/records-values.ts";

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function newTable(): Promise<string> {
  const { table, cleanup } = await freshTable();
  opened.push(cleanup);
  return table;
}

async function open(table: string, endpoint = localstack().endpoint, patienceMs?: number): Promise<Records> {
  const aws = { ...localstack(), endpoint };
  const records = await onTable(table, patienceMs === undefined ? { aws } : { aws, patienceMs });
  opened.push(() => records.close());
  return records;
}

/** Records behind a proxy where each of the next requests meets its fault. */
async function troubled(patienceMs?: number) {
  const table = await newTable();
  const next: Fault[] = [];
  const proxy = await dynamoProxy(() => next.shift() ?? "none");
  const records = await open(table, proxy.url, patienceMs);
  return { table, next, proxy, records, direct: await open(table) };
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (error: unknown) => (isDomainError(error) ? error.code : error),
  );

describe("records in DynamoDB that is troubled", () => {
  for (const fault of PASSING_FAULTS) {
    it(`answer as if nothing had been, when requests meet this and their repetitions do too: ${fault}`, async () => {
      const { next, records, direct } = await troubled();
      const meet = async <T>(work: () => Promise<T>): Promise<T> => {
        next.push(fault, fault);
        const result = await work();
        next.length = 0;
        return result;
      };
      await meet(() => records.commit([insertImage("a"), insertClaim("a")]));
      await meet(() => records.commit([insertImage("b")]));
      await meet(() => records.commit([replaceImage("a", 1, { n: "1" })]));
      expect(await meet(() => records.get("image", "a"))).toEqual({
        id: "a",
        version: 2,
        value: imageValue("a", { n: "1" }),
      });
      expect(await meet(() => idsOf(records, "image"))).toEqual(["a", "b"]);
      expect((await meet(() => records.listJson("image"))).content).toBe(
        JSON.stringify([imageValue("a", { n: "1" }), imageValue("b")]),
      );
      await meet(() => records.check());
      await meet(() => records.commit([{ op: "remove", kind: "image", id: "a", version: 2 }]));
      expect(await idsOf(direct, "image")).toEqual(["b"]);
      expect(await codeOf(meet(() => records.commit([insertImage("b")])))).toBe("lost-race");
      expect(await codeOf(meet(() => records.commit([replaceImage("b", 2)])))).toBe("lost-race");
      expect(await direct.get("image", "b")).toMatchObject({ version: 1 });
    });
  }

  for (const fault of ["conflict", "throttled in part", "in progress"] as const) {
    it(`commit in the end when the transaction is put off again and again: ${fault}`, async () => {
      const { next, proxy, records, direct } = await troubled();
      next.push(fault, fault, fault);
      await records.commit([insertImage("a"), insertClaim("a")]);
      expect(proxy.requests).toHaveLength(4);
      const tokens = v.parse(
        v.array(v.object({ body: v.object({ ClientRequestToken: v.string() }) })),
        proxy.requests,
      );
      expect(new Set(tokens.map(({ body }) => body.ClientRequestToken)).size).toBe(1);
      expect(await direct.get("image", "a")).toMatchObject({ version: 1 });
    });
  }

  it("say why when others never let go of a record, or its partition is full", async () => {
    const table = await newTable();
    const busy = await open(table, (await dynamoProxy(() => "conflict")).url, 300);
    await expect(busy.commit([insertImage("a"), insertClaim("a")])).rejects.toEqual(
      expect.objectContaining({
        code: "unavailable",
        message: "The record store is not available: others change the same records all the time.",
      }),
    );
    const full = await open(table, (await dynamoProxy(() => "partition full")).url);
    expect(await codeOf(full.commit([insertImage("a"), insertClaim("a")]))).toBe("storage-full");
  });

  it("tell who has won although the answer was lost and others have gone on meanwhile", async () => {
    const table = await newTable();
    const direct = await open(table);
    const steps: (() => Fault | Promise<Fault>)[] = [];
    const proxy = await dynamoProxy(() => steps.shift()?.() ?? "none");
    const records = await open(table, proxy.url);
    /** Whatever is asked for next is done, its answer is lost, and before it is asked for again others do this. */
    const losing = (others: Change) =>
      steps.push(
        () => "answer lost",
        async (): Promise<Fault> => {
          await direct.commit([others]);
          return "none";
        },
      );
    await direct.commit([insertImage("a"), insertImage("b")]);
    losing(replaceImage("a", 2, { by: "another" }));
    await records.commit([replaceImage("a", 1, { by: "us" })]);
    expect(await direct.get("image", "a")).toMatchObject({ version: 3 });
    losing(insertImage("b", { by: "another" }));
    await records.commit([{ op: "remove", kind: "image", id: "b", version: 1 }]);
    expect((await direct.get("image", "b"))?.value.metadata).toEqual({ by: "another" });
    losing({ op: "remove", kind: "image", id: "c", version: 1 });
    await records.commit([insertImage("c")]);
    expect(await direct.get("image", "c")).toBeUndefined();
    expect(steps).toEqual([]);
  });

  it("count exactly when 64 callers increment one record and every third request comes to grief", async () => {
    const table = await newTable();
    let turn = 0;
    const proxy = await dynamoProxy(() => {
      turn += 1;
      return turn % 3 === 0 ? (PASSING_FAULTS[(turn / 3) % PASSING_FAULTS.length] ?? "none") : "none";
    });
    const records = await open(table, proxy.url, 60_000);
    await records.commit([insertImage("counter", { count: "0" })]);
    await Promise.all(Array.from({ length: 64 }, () => increment(records, "counter")));
    expect(await records.get("image", "counter")).toEqual({
      id: "counter",
      version: 65,
      value: imageValue("counter", { count: "64" }),
    });
  });

  it("give a clear answer when it does not end", async () => {
    const endless: Partial<Record<Fault, string>> = {
      throttled: "The record store is not available: it has more to do than it may.",
      reset: "The record store is not available: it does not answer.",
      "answer lost": "The record store is not available: it does not answer.",
      "server error": "The record store is not available.",
      denied: "The record store is not available: it refuses this service's credentials.",
    };
    const table = await newTable();
    for (const [fault, message] of Object.entries(endless)) {
      const proxy = await dynamoProxy(() => PASSING_FAULTS.find((one) => one === fault) ?? "denied");
      const records = await open(table, proxy.url, 300);
      const failure = expect.objectContaining({ code: "unavailable", message, cause: expect.anything() });
      await expect(records.get("image", "a")).rejects.toEqual(failure);
      await expect(records.list("image")).rejects.toEqual(failure);
      await expect(records.commit([insertImage("a")])).rejects.toEqual(failure);
      await expect(records.check()).rejects.toEqual(failure);
    }
  });

  it("give up a request that is never answered", async () => {
    const table = await newTable();
    const proxy = await dynamoProxy(() => new Promise<Fault>(() => undefined));
    const records = await open(table, proxy.url, 300);
    expect(await codeOf(records.get("image", "a"))).toBe("unavailable");
    expect(await codeOf(records.commit([insertImage("a")]))).toBe("unavailable");
  });

  it("say that the table is missing, or that nobody is there", async () => {
    const missing = await open("no-such-table");
    await expect(missing.get("image", "a")).rejects.toThrow(
      "The record store is not available: there is no table no-such-table.",
    );
    const nobody = await open("any", "http://127.0.0.1:1", 100);
    await expect(nobody.check()).rejects.toThrow("The record store is not available: it does not answer.");
  });
});

describe("a set of changes that no transaction takes", () => {
  const many = Array.from({ length: 250 }, (_, index) => insertImage(`id ${index}`));
  const ids = many.map(({ id }) => id);

  it("goes on where it ended when it is sent again after a failure in the middle", async () => {
    const table = await newTable();
    let transactions = 0;
    const proxy = await dynamoProxy(({ operation }) => {
      if (operation !== "TransactWriteItems") return "none";
      transactions += 1;
      return transactions === 2 ? "denied" : "none";
    });
    const records = await open(table, proxy.url);
    expect(await codeOf(records.commit(many))).toBe("unavailable");
    expect(await idsOf(records, "image")).toEqual(ids.slice(0, 100));
    await records.commit(many);
    expect(await idsOf(records, "image")).toEqual(ids);
    await records.commit([
      ...many.slice(0, 150).map(({ id }) => replaceImage(id, 1, { now: "2" })),
      ...many.slice(150).map(({ id }) => ({ op: "remove", kind: "image", id, version: 1 }) as const),
    ]);
    expect(await idsOf(records, "image")).toEqual(ids.slice(0, 150));
  });

  it("applies nothing when its first step loses a race, and says so when a later one does", async () => {
    const records = await open(await newTable());
    await records.commit([insertImage("id 0"), insertClaim("held")]);
    expect(await codeOf(records.commit(many))).toBe("lost-race");
    expect(await idsOf(records, "image")).toEqual(["id 0"]);
    await records.commit([{ op: "remove", kind: "image", id: "id 0", version: 1 }]);
    const contested = [...many, insertClaim("held")];
    expect(await codeOf(records.commit(contested))).toBe("conflict");
    await records.commit([{ op: "remove", kind: "link-claim", id: "held", version: 1 }]);
    await records.commit(contested);
    expect(await idsOf(records, "image")).toEqual(ids);
    expect((await records.get("link-claim", "held"))?.value).toEqual(claimValue("held"));
  });
});
