import { expect, it, onTestFinished } from "vitest";
import { createCluster } from "../../../../adapters/job-runner/kubernetes/api/cluster.ts";
import { AnyObject } from "../../../../adapters/job-runner/kubernetes/api/views.ts";
import { watchObjects } from "../../../../adapters/job-runner/kubernetes/watched.ts";
import { until } from "../../../support/local-runner.ts";
import { jsonAnswer, openWatch, scriptedApiServer } from "../../../support/scripted-api-server.ts";

const pod = (name: string, resourceVersion: string, uid = name) => ({
  metadata: { name, uid, resourceVersion, labels: { "ims/job": name } },
});
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

/** A cache over a server whose lists and watches the test holds in its hands. */
function observed(lists: readonly { readonly version: string; readonly pods: readonly object[] }[]) {
  const watches: ReturnType<typeof openWatch>[] = [];
  const refusals: number[] = [];
  let listed = 0;
  const server = scriptedApiServer((request) => {
    if (request.query?.["watch"] === undefined) {
      const { pods, version } = lists[Math.min(listed, lists.length - 1)] ?? { pods: [], version: "0" };
      listed += 1;
      return jsonAnswer({ metadata: { resourceVersion: version }, items: pods });
    }
    const refusal = refusals.shift();
    if (refusal !== undefined) return jsonAnswer({ message: "too old" }, refusal);
    const watch = openWatch(request);
    watches.push(watch);
    return watch.answer;
  });
  const changes: string[] = [];
  const troubles: string[] = [];
  const cache = watchObjects(createCluster(server, "ims"), {
    kind: "pods",
    labelSelector: "a=b",
    read: AnyObject,
    onChange: ({ metadata }, gone) => changes.push(`${gone ? "-" : "+"}${metadata.name}`),
    onTrouble: (why) => troubles.push(why),
  });
  onTestFinished(() => cache.close());
  return {
    server,
    cache,
    changes,
    troubles,
    refusals,
    names: () => [...cache.objects().keys()].sort(),
    watch: (number: number) => until(() => watches[number]),
    listed: () => listed,
  };
}

it("knows what is there by one list, and what comes and goes by a watch from there on", async () => {
  const { cache, changes, names, server, watch } = observed([{ version: "7", pods: [pod("a", "5")] }]);
  await cache.ready();
  expect(names()).toEqual(["a"]);
  const first = await watch(0);
  expect(first.request.query).toMatchObject({ resourceVersion: "7", labelSelector: "a=b" });
  const text = line("ADDED", pod("b", "8")) + line("DELETED", pod("a", "9"));
  // as a network may cut it
  first.send(text.slice(0, 30));
  first.send(text.slice(30));
  await until(() => (names().join() === "b" ? true : undefined));
  expect(changes).toEqual(["+a", "+b", "-a"]);
  expect(server.asked.filter(({ query }) => query?.["watch"] === undefined)).toHaveLength(1);
});

it("goes on from where it was when the server ends the watch, or the connection breaks", async () => {
  const { cache, listed, names, troubles, watch } = observed([{ version: "7", pods: [] }]);
  await cache.ready();
  const first = await watch(0);
  first.send(line("ADDED", pod("a", "8")));
  first.end();
  const second = await watch(1);
  expect(second.request.query?.["resourceVersion"]).toBe("8");
  expect(troubles).toEqual([]);
  second.send(line("BOOKMARK", { metadata: { resourceVersion: "30" } }));
  second.end(new Error("connection reset"));
  const third = await watch(2);
  expect(third.request.query?.["resourceVersion"]).toBe("30");
  expect(troubles).toEqual(["connection reset"]);
  expect([names(), listed()]).toEqual([["a"], 1]);
});

it("lists anew when what it knows is too old, and tells what went and came meanwhile", async () => {
  const { cache, changes, listed, names, refusals, watch } = observed([
    { version: "7", pods: [pod("a", "5"), pod("b", "6")] },
    { version: "90", pods: [pod("b", "80", "another"), pod("c", "81")] },
    { version: "95", pods: [pod("c", "81")] },
  ]);
  await cache.ready();
  const first = await watch(0);
  refusals.push(410);
  first.end();
  const second = await watch(1);
  expect(second.request.query?.["resourceVersion"]).toBe("90");
  expect(changes).toEqual(["+a", "+b", "-a", "-b", "+b", "+c"]);
  // the same, told within a watch
  second.send(line("ERROR", { code: 410, message: "too old resource version" }));
  expect((await watch(2)).request.query?.["resourceVersion"]).toBe("95");
  expect([names(), listed()]).toEqual([["c"], 3]);
});

it("ends its watch when it is closed", async () => {
  const { cache, server, watch } = observed([{ version: "7", pods: [] }]);
  const { request } = await watch(0);
  cache.close();
  expect(request.signal.aborted).toBe(true);
  const asked = server.asked.length;
  await cache.ready();
  expect(server.asked).toHaveLength(asked);
});
