import * as fc from "fast-check";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { isDomainError, type ErrorCode } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { Change, Page, Records } from "../../core/ports/records.ts";
import { increment } from "../support/records-counter.ts";
import {
  claimValue,
  idsOf,
  imageValue,
  insertClaim,
  insertImage,
  replaceImage,
} from "../support/records-values.ts";
import { commitArbitrary, createModel } from "./records.model.ts";

export interface OpenRecords {
  readonly records: Records;
  readonly cleanup: () => Promise<void>;
}

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: "DomainError", code });

/** "done", or the code of the error. */
async function outcomeOf(commit: Promise<void>): Promise<string> {
  try {
    await commit;
    return "done";
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return error.code;
  }
}

const Images = v.array(v.object({ metadata: v.record(v.string(), v.string()) }));

function textOf(json: Json<unknown> | undefined): string | undefined {
  if (json === undefined) return undefined;
  return typeof json.content === "string" ? json.content : Buffer.concat(json.content).toString();
}

async function allPages(records: Records, limit: number): Promise<Page<"image">[]> {
  const pages: Page<"image">[] = [];
  let after: string | undefined;
  do {
    const page = await records.list("image", after === undefined ? { limit } : { limit, after });
    pages.push(page);
    after = page.next;
  } while (after !== undefined);
  return pages;
}

/** Every promise of the port, for any store. `open` makes an empty one. */
export function recordsContract(name: string, open: () => Promise<OpenRecords>): void {
  const opened: OpenRecords[] = [];
  const fresh = async (): Promise<Records> => {
    const one = await open();
    opened.push(one);
    return one.records;
  };
  afterEach(async () => {
    for (const { records, cleanup } of opened.splice(0)) {
      await records.close();
      await cleanup();
    }
  });

  describe(`records in ${name}: reading`, () => {
    it("answers undefined for a record that is not there", async () => {
      const records = await fresh();
      await records.commit([insertImage("a")]);
      expect(await records.get("image", "b")).toBeUndefined();
      expect(await records.get("recipe", "a")).toBeUndefined();
    });

    it("answers a record with version 1 once it was inserted", async () => {
      const records = await fresh();
      await records.commit([insertImage("a", { one: "1" })]);
      expect(await records.get("image", "a")).toEqual({
        id: "a",
        version: 1,
        value: imageValue("a", { one: "1" }),
      });
    });

    it("keeps kinds apart", async () => {
      const records = await fresh();
      await records.commit([insertImage("a"), insertClaim("a", "here")]);
      expect((await records.get("link-claim", "a"))?.value).toEqual(claimValue("a", "here"));
      expect((await records.get("image", "a"))?.value).toEqual(imageValue("a"));
      expect(await records.list("recipe")).toEqual({ records: [] });
    });

    it("answers values as they were given, whatever JSON can hold", async () => {
      const records = await fresh();
      const odd = { "": "", null: "\0", line: "\r\n\u2028", lone: "\ud800", emoji: "👩‍🚀", quote: `"'\\;--` };
      await records.commit([insertImage("odd", odd)]);
      expect((await records.get("image", "odd"))?.value.metadata).toEqual(odd);

      let count = 0;
      const text = fc.string({ unit: "binary" });
      await fc.assert(
        fc.asyncProperty(text, text, async (id, held) => {
          const key = `${count++} ${id}`;
          await records.commit([insertImage(key, { held })]);
          expect(await records.get("image", key)).toEqual({
            id: key,
            version: 1,
            value: imageValue(key, { held }),
          });
        }),
        { numRuns: 50 },
      );
    });

    it("keeps a value of a megabyte", async () => {
      const records = await fresh();
      await records.commit([insertImage("large", { text: "ä".repeat(1024 * 1024) })]);
      expect((await records.get("image", "large"))?.value.metadata["text"]).toHaveLength(1024 * 1024);
    });

    it("is not touched by callers that change what they gave or got", async () => {
      const records = await fresh();
      const value = imageValue("a", { kept: "yes" });
      await records.commit([{ op: "insert", kind: "image", id: "a", value }]);
      value.metadata["kept"] = "no";
      const got = await records.get("image", "a");
      Reflect.set(got?.value.metadata ?? {}, "kept", "no");
      Reflect.set((await records.list("image")).records[0]?.value ?? {}, "name", "no");
      expect((await records.get("image", "a"))?.value).toEqual(imageValue("a", { kept: "yes" }));
    });

    it("shows a commit to the next read, in get and list", async () => {
      const records = await fresh();
      for (let version = 1; version <= 20; version++) {
        const metadata = { version: String(version) };
        await records.commit([
          version === 1 ? insertImage("a", metadata) : replaceImage("a", version - 1, metadata),
        ]);
        const expected = { id: "a", version, value: imageValue("a", metadata) };
        expect(await records.list("image")).toEqual({ records: [expected] });
        expect(await records.get("image", "a")).toEqual(expected);
      }
    });

    it("shows the new value of a record that was removed and inserted again, at version 1", async () => {
      const records = await fresh();
      for (const round of ["1", "2", "3", "4"]) {
        await records.commit([insertImage("a", { round })]);
        const expected = { id: "a", version: 1, value: imageValue("a", { round }) };
        expect(await records.get("image", "a")).toEqual(expected);
        expect((await records.list("image")).records).toEqual([expected]);
        await records.commit([{ op: "remove", kind: "image", id: "a", version: 1 }]);
        expect(await records.get("image", "a")).toBeUndefined();
      }
    });
  });

  describe(`records in ${name}: lists`, () => {
    it("are in the order of insertion, which a replacement does not change", async () => {
      const records = await fresh();
      for (const id of ["z", "m", "a", "q"]) await records.commit([insertImage(id)]);
      await records.commit([replaceImage("m", 1), insertClaim("a")]);
      await records.commit([replaceImage("z", 1)]);
      expect(await idsOf(records, "image")).toEqual(["z", "m", "a", "q"]);
    });

    it("keep the order of the changes in one commit", async () => {
      const records = await fresh();
      await records.commit(["c", "a", "b"].map((id) => insertImage(id)));
      expect(await idsOf(records, "image")).toEqual(["c", "a", "b"]);
    });

    it("show a record that was inserted again in its new place", async () => {
      const records = await fresh();
      for (const id of ["a", "b"]) await records.commit([insertImage(id)]);
      await records.commit([{ op: "remove", kind: "image", id: "a", version: 1 }]);
      await records.commit([insertImage("a")]);
      expect(await idsOf(records, "image")).toEqual(["b", "a"]);
    });

    it("come in pages that hold every record once, in order", async () => {
      const records = await fresh();
      const ids = Array.from({ length: 10 }, (_, index) => `id ${(index * 7) % 10}`);
      for (const id of ids) await records.commit([insertImage(id), insertClaim(id)]);
      for (const limit of [1, 3, 5, 10, 11]) {
        const pages = await allPages(records, limit);
        expect(pages.flatMap((page) => page.records.map(({ id }) => id))).toEqual(ids);
        for (const page of pages) expect(page.records.length).toBeLessThanOrEqual(limit);
        expect(pages.at(-1)).not.toHaveProperty("next");
      }
    });

    it("have no next page when there is nothing", async () => {
      expect(await (await fresh()).list("image", { limit: 1 })).toEqual({ records: [] });
    });

    it("show no record twice and none that stayed left out, whatever is changed between pages", async () => {
      const records = await fresh();
      for (const id of ["a", "b", "c", "d", "e"]) await records.commit([insertImage(id)]);
      const first = await records.list("image", { limit: 2 });
      await records.commit([
        { op: "remove", kind: "image", id: "a", version: 1 },
        { op: "remove", kind: "image", id: "b", version: 1 },
        { op: "remove", kind: "image", id: "e", version: 1 },
      ]);
      await records.commit([insertImage("a"), replaceImage("c", 1)]);
      const rest = await records.list("image", first.next === undefined ? {} : { after: first.next });
      expect([...first.records, ...rest.records].map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
    });

    it("refuse a cursor that no page named", async () => {
      const records = await fresh();
      for (const id of ["a", "b"]) await records.commit([insertImage(id)]);
      const { next } = await records.list("image", { limit: 1 });
      for (const after of ["", "nonsense", "1", "-1", `${next} `, `${next}=`, "'; DROP TABLE records; --"]) {
        await expect(records.list("image", { after })).rejects.toEqual(failsWith("bad-request"));
      }
    });

    it("refuse a limit that is not a whole number from 1", async () => {
      const records = await fresh();
      for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(records.list("image", { limit })).rejects.toEqual(failsWith("bad-request"));
      }
    });
  });

  describe(`records in ${name}: as JSON`, () => {
    it("are the text of what is answered otherwise, with a tag of that text", async () => {
      const records = await fresh();
      await records.commit([insertImage("a", { odd: '"\u2028ä👩‍🚀' }), insertImage("b")]);
      const value = imageValue("a", { odd: '"\u2028ä👩‍🚀' });
      const one = await records.getJson("image", "a");
      expect(textOf(one)).toBe(JSON.stringify(value));
      expect(textOf(await records.listJson("image"))).toBe(JSON.stringify([value, imageValue("b")]));
      expect((await records.getJson("image", "a"))?.tag).toBe(one?.tag);
      expect((await records.getJson("image", "b"))?.tag).not.toBe(one?.tag);
      expect(await records.getJson("image", "c")).toBeUndefined();
      expect(await records.getJson("recipe", "a")).toBeUndefined();
      expect(textOf(await records.listJson("recipe"))).toBe("[]");
    });

    it("show each commit to the next read, and have another tag then", async () => {
      const records = await fresh();
      const tags = new Set<string | undefined>();
      const seen = async (values: unknown[]): Promise<void> => {
        const list = await records.listJson("image");
        expect(textOf(list)).toBe(JSON.stringify(values));
        expect((await records.listJson("image")).tag).toBe(list.tag);
        tags.add(list.tag);
      };
      await seen([]);
      for (let version = 1; version <= 10; version++) {
        const metadata = { version: String(version) };
        await records.commit([
          version === 1 ? insertImage("a", metadata) : replaceImage("a", version - 1, metadata),
        ]);
        await seen([imageValue("a", metadata)]);
        const one = await records.getJson("image", "a");
        expect(textOf(one)).toBe(JSON.stringify(imageValue("a", metadata)));
        tags.add(one?.tag);
      }
      await records.commit([{ op: "remove", kind: "image", id: "a", version: 10 }, insertImage("b")]);
      await seen([imageValue("b")]);
      expect(await records.getJson("image", "a")).toBeUndefined();
      expect(tags.size).toBe(22);
    });

    it("list hundreds of records, whichever of them are changed, removed and added", async () => {
      const records = await fresh();
      const ids = Array.from({ length: 700 }, (_, index) => `id ${index}`);
      for (let at = 0; at < ids.length; at += 100)
        await records.commit(ids.slice(at, at + 100).flatMap((id) => [insertImage(id), insertClaim(id)]));
      const values = new Map(ids.map((id) => [id, imageValue(id)]));
      const expectAll = async (): Promise<void> =>
        expect(textOf(await records.listJson("image"))).toBe(JSON.stringify([...values.values()]));
      await expectAll();
      for (const index of [0, 1, 64, 128, 350, 699]) {
        await records.commit([replaceImage(`id ${index}`, 1, { changed: "yes" })]);
        values.set(`id ${index}`, imageValue(`id ${index}`, { changed: "yes" }));
        await records
          .commit([{ op: "remove", kind: "image", id: `id ${index + 2}`, version: 1 }])
          .catch(() => {});
        values.delete(`id ${index + 2}`);
        await records.commit([insertImage(`new ${index}`)]);
        values.set(`new ${index}`, imageValue(`new ${index}`));
        await expectAll();
      }
      for (let at = 0; at < 300; at += 1)
        await records.commit([{ op: "remove", kind: "image", id: `id ${at}`, version: 1 }]).catch(() => {});
      for (let at = 0; at < 300; at += 1) if (![0, 1, 64, 128].includes(at)) values.delete(`id ${at}`);
      await expectAll();
    });

    it("list what there was at one moment, while many change it", async () => {
      const records = await fresh();
      const between = Array.from({ length: 600 }, (_, index) => insertImage(`between ${index}`));
      await records.commit([insertImage("first", { n: "0" }), ...between, insertImage("last", { n: "0" })]);
      const changing = new AbortController();
      const change = async (): Promise<void> => {
        for (let version = 1; !changing.signal.aborted; version += 1) {
          const n = String(version);
          await records.commit([
            replaceImage("first", version, { n }),
            replaceImage("between 300", version, { n }),
            replaceImage("last", version, { n }),
          ]);
        }
      };
      const changed = change();
      try {
        for (let round = 0; round < 30; round += 1) {
          const lists = await Promise.all([records.listJson("image"), records.listJson("image")]);
          for (const list of lists) {
            const images = v.parse(Images, JSON.parse(textOf(list) ?? ""));
            const [first, last] = [images.at(0), images.at(-1)];
            expect(images).toHaveLength(602);
            expect(first?.metadata).toEqual(last?.metadata);
          }
        }
      } finally {
        changing.abort();
        await changed;
      }
    });
  });

  describe(`records in ${name}: commits`, () => {
    it("apply changes of several kinds in one step", async () => {
      const records = await fresh();
      await records.commit([insertImage("a"), insertClaim("a")]);
      const value = { ...imageValue("a"), deleted: "2026-02-03T04:05:06.789Z" };
      await records.commit([
        { op: "remove", kind: "image", id: "a", version: 1 },
        { op: "insert", kind: "deleted-image", id: "a", value },
        { op: "replace", kind: "link-claim", id: "a", version: 1, value: claimValue("a", "other") },
      ]);
      expect(await records.get("image", "a")).toBeUndefined();
      expect(await records.get("deleted-image", "a")).toEqual({ id: "a", version: 1, value });
      expect((await records.get("link-claim", "a"))?.value.path).toBe("other");
    });

    const losers: Record<string, Change> = {
      "an insert of a record that exists": insertImage("there"),
      "a replacement of a record that does not exist": replaceImage("absent", 1),
      "a replacement of an earlier version": replaceImage("there", 1),
      "a replacement of a later version": replaceImage("there", 3),
      "a removal of a record that does not exist": { op: "remove", kind: "image", id: "absent", version: 1 },
      "a removal of an earlier version": { op: "remove", kind: "image", id: "there", version: 1 },
      "a removal of a later version": { op: "remove", kind: "image", id: "there", version: 3 },
    };

    for (const [what, loser] of Object.entries(losers)) {
      it(`lose the race and apply nothing with ${what}, wherever it stands`, async () => {
        const records = await fresh();
        await records.commit([insertImage("there"), insertImage("other"), insertImage("third")]);
        await records.commit([replaceImage("there", 1, { now: "2" })]);
        const before = await records.list("image");
        const good: Change[] = [
          insertClaim("new"),
          replaceImage("other", 1, { now: "other" }),
          { op: "remove", kind: "image", id: "third", version: 1 },
        ];
        for (const place of [0, 1, 2, 3]) {
          await expect(records.commit(good.toSpliced(place, 0, loser))).rejects.toEqual(
            failsWith("lost-race"),
          );
          expect(await records.list("image")).toEqual(before);
          expect(await records.list("link-claim")).toEqual({ records: [] });
        }
        await expect(records.commit([loser])).rejects.toEqual(failsWith("lost-race"));
        await records.commit(good);
      });
    }

    it("refuse two changes of one record, and apply nothing", async () => {
      const records = await fresh();
      const twice: Change[] = [insertImage("b"), insertImage("a"), replaceImage("a", 1)];
      await expect(records.commit(twice)).rejects.toEqual(failsWith("invalid"));
      expect(await idsOf(records, "image")).toEqual([]);
    });

    it("refuse a value that could not be read back, and apply nothing", async () => {
      const records = await fresh();
      const value = { ...imageValue("b"), created: 5 };
      // @ts-expect-error -- types keep this out, data from elsewhere may not
      const changes: Change[] = [insertImage("a"), { op: "insert", kind: "image", id: "b", value }];
      await expect(records.commit(changes)).rejects.toEqual(failsWith("invalid"));
      expect(await idsOf(records, "image")).toEqual([]);
    });

    it("do nothing when they are empty", async () => {
      const records = await fresh();
      await records.commit([]);
      expect(await idsOf(records, "image")).toEqual([]);
    });

    it("do to any store what they do to a model of it", async () => {
      const records = await fresh();
      await fc.assert(
        fc.asyncProperty(fc.array(commitArbitrary, { maxLength: 12 }), async (commits) => {
          const model = createModel();
          for (const intents of commits) {
            const { changes, outcome } = model.commit(intents);
            expect(await outcomeOf(records.commit(changes))).toBe(outcome);
          }
          for (const kind of ["image", "link-claim"] as const) {
            expect((await records.list(kind)).records).toEqual(model.list(kind));
            const values = model.list(kind).map(({ value }) => value);
            expect(textOf(await records.listJson(kind))).toBe(JSON.stringify(values));
          }
          await records.commit(model.removals());
        }),
        { numRuns: 60 },
      );
    });
  });

  describe(`records in ${name}: many callers at once`, () => {
    it("count exactly when 32 callers increment one record", async () => {
      const records = await fresh();
      await records.commit([insertImage("counter", { count: "0" })]);
      const caller = async (): Promise<void> => {
        for (let round = 0; round < 5; round++) await increment(records, "counter");
      };
      await Promise.all(Array.from({ length: 32 }, caller));
      expect(await records.get("image", "counter")).toEqual({
        id: "counter",
        version: 161,
        value: imageValue("counter", { count: "160" }),
      });
    });

    it("find every record of 500 concurrent inserts, once", async () => {
      const records = await fresh();
      const ids = Array.from({ length: 500 }, (_, index) => `id ${index}`);
      await Promise.all(ids.map((id) => records.commit([insertImage(id), insertClaim(id)])));
      expect((await idsOf(records, "image")).toSorted()).toEqual(ids.toSorted());
      expect((await idsOf(records, "link-claim")).toSorted()).toEqual(ids.toSorted());
    });

    const contests: Record<string, (caller: string) => Change> = {
      insert: (caller) => insertImage("new", { caller }),
      replace: (caller) => replaceImage("there", 1, { caller }),
      remove: () => ({ op: "remove", kind: "image", id: "there", version: 1 }),
    };
    for (const [op, change] of Object.entries(contests)) {
      it(`have one winner when all ${op} the same record; the losers leave nothing behind`, async () => {
        const records = await fresh();
        await records.commit([insertImage("there")]);
        const callers = Array.from({ length: 16 }, (_, index) => `caller ${index}`);
        const results = await Promise.allSettled(
          callers.map((caller) => records.commit([insertClaim(caller), change(caller)])),
        );
        const winners = callers.filter((_, index) => results[index]?.status === "fulfilled");
        const losses = results.filter((result) => result.status === "rejected").map(({ reason }) => reason);
        expect(winners).toHaveLength(1);
        expect(losses).toEqual(Array.from({ length: 15 }, () => failsWith("lost-race")));
        expect(await idsOf(records, "link-claim")).toEqual(winners);
      });
    }
  });

  describe(`records in ${name}: the store itself`, () => {
    it("proves that it can be read and written, without a trace in the records", async () => {
      const records = await fresh();
      await records.check();
      await records.commit([insertImage("a")]);
      await records.check();
      expect((await records.list("image")).records).toHaveLength(1);
    });

    it("is unavailable once it is closed, and may be closed again", async () => {
      const records = await fresh();
      await records.commit([insertImage("a")]);
      await records.close();
      await expect(records.get("image", "a")).rejects.toEqual(failsWith("unavailable"));
      await expect(records.list("image")).rejects.toEqual(failsWith("unavailable"));
      await expect(records.getJson("image", "a")).rejects.toEqual(failsWith("unavailable"));
      await expect(records.listJson("image")).rejects.toEqual(failsWith("unavailable"));
      await expect(records.commit([insertImage("b")])).rejects.toEqual(failsWith("unavailable"));
      await expect(records.commit([])).rejects.toEqual(failsWith("unavailable"));
      await expect(records.check()).rejects.toEqual(failsWith("unavailable"));
      await records.close();
    });

    it("finishes the commits under way when it is closed", async () => {
      const records = await fresh();
      await records.commit([insertImage("first")]);
      const insert = (name: string) =>
        Array.from({ length: 50 }, (_, index) => records.commit([insertImage(`${name} ${index}`)]));
      const underWay = insert("under way");
      await new Promise((resolve) => setImmediate(resolve));
      const waiting = insert("waiting");
      const closing = records.close();
      await expect(Promise.all([...underWay, ...waiting])).resolves.toHaveLength(100);
      await closing;
    });
  });
}
