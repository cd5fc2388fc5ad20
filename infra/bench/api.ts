import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { getImage, movesP99Ratio } from "./api/moves.ts";
import {
  inTurn,
  load,
  type Measured,
  requestText,
  type Server,
  startBare,
  startService,
} from "./api/service.ts";
import { commitsPerSecond, seed } from "./api/store.ts";
import { median, peakMemory } from "./measure.ts";

const CONNECTIONS = [16, 64] as const;
const CALLERS = 32;
/** Ids asked for in turn: more than any processor's cache or list of recent things would make easy. */
const MOST_IDS = 20_000;

type Results = Record<string, number>;

interface Bench {
  readonly root: string;
  readonly folder: string;
  readonly results: Results;
}

/** What the limits of `infra/bench/limits.ts` are about, of the API with authentication off and logs on. */
export async function benchApi(root: string, scratch: string): Promise<Results> {
  const folder = mkdtempSync(path.join(scratch, "ims-bench-api-"));
  const bench: Bench = { root, folder, results: {} };
  try {
    await withService(bench, 1, async (server, ids, data) => {
      await measureGets(bench, 0, server, ids);
      await measurePosts(bench, 0, server, data);
    });
    await withService(bench, 1000, async (server) => await measureLists(bench, 1000, server));
    await withService(bench, 10_000, async (server, ids) => {
      await measureGets(bench, 10_000, server, ids);
      await measureLists(bench, 10_000, server);
    });
    await withService(bench, 100_000, async (server, ids, data) => {
      await measureGets(bench, 100_000, server, ids);
      await measureMoves(bench, server, ids, data);
      await load(server, { ...usual(4, [requestText("GET", "/v3/images")]), seconds: 5 });
      await measurePosts(bench, 100_000, server, data);
      bench.results["serverPeakMiBAt100000Records"] = peakMemory(server.pid);
    });
    return withFlatness(bench.results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withService(
  { root, folder }: Bench,
  records: number,
  measure: (server: Server, ids: readonly string[], data: string) => Promise<void>,
): Promise<void> {
  const data = path.join(folder, `data-${records}`);
  const ids = await seed(data, records);
  const server = await startService(root, data);
  try {
    await measure(server, ids, data);
  } finally {
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function withBares<T>(
  { folder }: Bench,
  server: Server,
  path: string,
  measure: (servers: { service: Server; node: Server; hono: Server }) => Promise<T>,
): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
  const body = new Uint8Array(await answer.arrayBuffer());
  const node = await startBare("node", body, folder);
  const hono = await startBare("hono", body, folder);
  try {
    return await measure({ service: server, node, hono });
  } finally {
    await Promise.all([node.stop(), hono.stop()]);
  }
}

const usual = (connections: number, requests: string[]) => ({
  connections,
  seconds: 1.5,
  warmUpSeconds: 0.3,
  status: 200,
  requests,
});

async function measureGets(
  { results, ...bench }: Bench,
  records: number,
  server: Server,
  ids: readonly string[],
) {
  const requests = ids.slice(0, MOST_IDS).map(getImage);
  await withBares({ ...bench, results }, server, `/v3/images/${ids[0]}`, async (servers) => {
    for (const connections of CONNECTIONS) {
      const { service, node, hono } = await inTurn(servers, 5, usual(connections, requests));
      const at = `At${records}Records${connections}Connections`;
      results[`getPerSecond${at}`] = median(service.map(({ perSecond }) => perSecond));
      results[`getCpuMicroseconds${at}`] = median(service.map(({ cpuMicroseconds }) => cpuMicroseconds));
      results[`bareNodeCpuMicroseconds${at}`] = median(node.map(({ cpuMicroseconds }) => cpuMicroseconds));
      results[`getToBareNode${at}`] = ratio(service, node);
      results[`getToBareHono${at}`] = ratio(service, hono);
    }
  });
}

/** Of one round to the same round: what else the machine does is much the same within one. */
function ratio(ours: readonly Measured[], theirs: readonly Measured[]): number {
  return median(ours.map(({ perSecond }, round) => perSecond / (theirs[round]?.perSecond ?? Number.NaN)));
}

async function measureLists(bench: Bench, records: number, server: Server): Promise<void> {
  const { results } = bench;
  const list = requestText("GET", "/v3/images");
  await withBares(bench, server, "/v3/images", async ({ service, node }) => {
    for (const connections of CONNECTIONS) {
      const at = `Of${records}Images${connections}Connections`;
      const measured = await inTurn({ service, node }, 3, usual(connections, [list]));
      results[`listPerSecond${at}`] = median(measured.service.map(({ perSecond }) => perSecond));
      results[`listToBareNode${at}`] = ratio(measured.service, measured.node);
    }
  });
  const etag = (await fetch(`http://127.0.0.1:${server.port}/v3/images`)).headers.get("etag") ?? "";
  const again = requestText("GET", "/v3/images", [`if-none-match: ${etag}`]);
  const { cpuMicroseconds } = await load(server, { ...usual(16, [again]), status: 304 });
  results[`repeatedListCpuMsOf${records}Images`] = cpuMicroseconds / 1000;
}

async function measurePosts({ folder, results }: Bench, records: number, server: Server, data: string) {
  const body = '{"name": "image-000000000"}';
  const headers = ["content-type: application/json", `content-length: ${body.length}`];
  const request = requestText("POST", "/v3/images", headers, body.replace(/\d+/u, "{n}"));
  const plan = { ...usual(CALLERS, [request]), seconds: 2.5, status: 201 };
  await load(server, plan);
  const posts: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const store = await commitsPerSecond(data, path.join(folder, `store-${records}-${round}`), 2.5);
    const { perSecond } = await load(server, plan);
    posts.push(perSecond);
    ratios.push(perSecond / store);
  }
  results[`postPerSecondAt${records}Records`] = median(posts);
  results[`postToStoreAt${records}Records`] = median(ratios);
}

async function measureMoves({ results }: Bench, server: Server, ids: readonly string[], data: string) {
  for (const connections of CONNECTIONS) {
    const moves = await movesP99Ratio(server, data, connections, getImage(ids[0] ?? ""));
    results[`idleP99Ms${connections}Connections`] = moves.idleMs;
    results[`movingP99Ms${connections}Connections`] = moves.movingMs;
    results[`movingToIdleP99${connections}Connections`] = moves.ratio;
    results[`imagesMoved${connections}Connections`] = moves.lives;
  }
}

function withFlatness(results: Results): Results {
  const [none = Number.NaN, many = Number.NaN] = [0, 100_000].map(
    (n) => results[`postPerSecondAt${n}Records`],
  );
  return { ...results, postAt100000RecordsToNone: many / none };
}
