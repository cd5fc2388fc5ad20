import { writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { awaitRepositories } from "../../../functions/agent/steps/await-repositories.ts";
import { scratchFolder } from "../../support/archives.ts";
import { httpServer } from "../../support/http-server.ts";
import { stepContext } from "../../support/steps.ts";

const source = (path: string, attributes = ""): string =>
  `<repository ${attributes}><source path="${path}"/></repository>`;

async function awaitThose(body: string, waitSeconds = 0, signal?: AbortSignal) {
  const workFolder = await scratchFolder();
  await writeFile(join(workFolder, "config.xml"), `<image>${body}</image>`);
  const context = stepContext({
    workFolder,
    state: { recipeFolder: workFolder },
    ...(signal === undefined ? {} : { signal }),
  });
  await awaitRepositories(context, {
    do: "await-repositories",
    status: "waiting_for_repos",
    wait_seconds: waitSeconds,
  });
  return context;
}

const serving =
  (...paths: readonly string[]): RequestListener =>
  (request, response) =>
    response.writeHead(paths.includes(request.url ?? "") ? 200 : 404).end();

describe("waiting for a recipe's repositories", () => {
  it("goes on at once when each has its index, rpm or Debian", async () => {
    const base = await httpServer(
      serving("/rpm/repodata/repomd.xml", "/deb/dists/bookworm/Release", "/flat/Release"),
    );
    const { lines } = await awaitThose(
      source(`${base}/rpm/`, 'type="rpm-md"') +
        source(`${base}/deb`, 'distribution="bookworm"') +
        source(`${base}/flat`, 'type="apt-deb"'),
    );
    expect(lines).toEqual([expect.stringContaining(`ready: ${base}/rpm/, ${base}/deb, ${base}/flat`)]);
  });

  it("has nothing to wait for without remote ones", async () => {
    const { lines } = await awaitThose(source("dir:///srv") + source("obs://a/b"));
    expect(lines).toEqual([
      "Repository not asked: dir:... is left to kiwi",
      "Repository not asked: obs:... is left to kiwi",
      "No remote repositories to wait for",
    ]);
  });

  it("asks again only those that were not ready", async () => {
    const asked: (string | undefined)[] = [];
    const base = await httpServer((request, response) => {
      asked.push(request.url);
      const late = request.url?.startsWith("/late") === true && asked.length < 3;
      response.writeHead(late ? 503 : 200).end();
    });
    const { lines } = await awaitThose(
      source(`${base}/late`, 'type="rpm-md"') + source(`${base}/early`, 'type="rpm-md"'),
      30,
    );
    expect(asked.filter((url) => url?.startsWith("/late"))).toHaveLength(2);
    expect(asked.filter((url) => url?.startsWith("/early"))).toHaveLength(1);
    expect(lines[0]).toBe(`Waiting for ${base}/late (HTTP 503)`);
  });

  it("fails when the time is over, naming each that is missing with its answer but no credentials", async () => {
    const base = await httpServer(serving("/good/repodata/repomd.xml"));
    const secret = base.replace("//", "//user:secret@");
    const waiting = awaitThose(
      source(`${base}/good`, 'type="rpm-md"') +
        source(`${secret}/bad?token=secret`, 'type="rpm-md"') +
        source("http://127.0.0.1:1/gone", 'type="rpm-md"'),
    );
    const error: unknown = await waiting.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toMatchObject({
      code: "repository_unreachable",
      message: expect.stringContaining(`${base}/bad (HTTP 404); http://127.0.0.1:1/gone (`),
    });
    expect(error).toMatchObject({ message: expect.not.stringContaining("secret") });
    expect(error).toMatchObject({ message: expect.not.stringContaining("/good") });
  });

  it("fails on a description that cannot be read", async () => {
    await expect(awaitThose("<unclosed>")).rejects.toMatchObject({ code: "recipe_invalid" });
  });

  it("stops with the signal's reason while it waits", async () => {
    const cancel = new AbortController();
    const reason = new Error("cancelled");
    const base = await httpServer((_request, response) => {
      response.writeHead(404).end();
      setTimeout(() => cancel.abort(reason), 20);
    });
    const waiting = awaitThose(source(base, 'type="rpm-md"'), 3600, cancel.signal);
    await expect(waiting).rejects.toBe(reason);
  });
});
