import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { bundle, type Bundled } from "../infra/bundle/bundle.ts";
import { overBudget } from "../infra/bundle/report.ts";

const folder = () => mkdtemp(path.join(tmpdir(), "ims-bundle-"));

function digests(dist: string): Record<string, string> {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8", withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const file = path.join(parentPath, name);
      return [path.relative(dist, file), createHash("sha256").update(readFileSync(file)).digest("hex")];
    }),
  );
}

describe("what is bundled", () => {
  let dist = "";
  let bundled: Bundled = { programs: [], packages: [] };
  beforeAll(async () => {
    dist = await folder();
    bundled = await bundle(dist);
    return () => rm(dist, { recursive: true, force: true });
  }, 60_000);

  it("keeps to its budgets", () => {
    expect(bundled.programs.map(({ file }) => file)).toEqual(
      expect.arrayContaining(["server.mjs", "agent.mjs", "ims.mjs", "sqlite-writer.mjs", "md5-thread.mjs"]),
    );
    expect(overBudget(bundled.programs)).toEqual([]);
  });

  it("is the same, byte by byte, when it is bundled again elsewhere", async () => {
    const again = await folder();
    onTestFinished(() => rm(again, { recursive: true, force: true }));
    await bundle(again);
    const first = digests(dist);
    expect(Object.keys(first)).toEqual(expect.arrayContaining(["LICENSES", "server.mjs", "server.mjs.map"]));
    expect(digests(again)).toEqual(first);
  });

  it("names no folder of the machine that made it", () => {
    const root = path.join(import.meta.dirname, "..");
    const guilty = Object.keys(digests(dist)).filter((file) => {
      const text = readFileSync(path.join(dist, file), "utf8");
      return text.includes(root) || text.includes(dist);
    });
    expect(guilty).toEqual([]);
  });

  it("brings the terms of all that is in it", async () => {
    const text = await readFile(path.join(dist, "LICENSES"), "utf8");
    const packages = new Set(bundled.programs.flatMap(({ starts, later }) => [...starts, ...later]));
    expect(packages.size).toBeGreaterThan(30);
    const titles = new Set([...text.matchAll(/^-{80}\n(\S+) \S+ \(.+\)$/gmu)].map(([, name]) => name));
    expect([...packages].filter((name) => !titles.has(name))).toEqual([]);
    expect(text).toContain("Permission is hereby granted");
    expect(text.startsWith(readFileSync(path.join(import.meta.dirname, "../LICENSE"), "utf8"))).toBe(true);
  });

  it("brings the list of all that is in it", async () => {
    const { specVersion, components } = JSON.parse(await readFile(path.join(dist, "sbom.cdx.json"), "utf8"));
    expect(specVersion).toBe("1.5");
    const packages = new Set(bundled.programs.flatMap(({ starts, later }) => [...starts, ...later]));
    const names = components.map(({ name }: { name: string }) => name);
    expect([...packages].filter((name) => !names.includes(name))).toEqual([]);
    expect(components).toContainEqual(
      expect.objectContaining({
        name: "@hono/node-server",
        purl: expect.stringMatching(/^pkg:npm\/%40hono\/node-server@\d/u),
      }),
    );
  });

  it("knows its version, and nothing else of package.json", () => {
    const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, "../package.json"), "utf8"));
    const having = (text: string) =>
      readdirSync(dist).filter(
        (file) => file.endsWith(".mjs") && readFileSync(path.join(dist, file), "utf8").includes(text),
      );
    expect(having("infra/run.mjs")).toEqual([]);
    expect(having(`version:"${version}"`)).not.toEqual([]);
  });

  it("is not put over what a folder holds already", async () => {
    await expect(bundle(dist)).rejects.toThrow("is not empty");
  });
});

describe("a budget", () => {
  const program = {
    file: "agent.mjs",
    startBytes: 2000,
    wholeBytes: 5000,
    starts: ["valibot", "yaml"],
    later: ["ssh2"],
    files: ["agent.mjs"],
  };
  const budget = { files: /^agent/u, startKiB: 1, wholeKiB: 4, starts: ["valibot"], never: /^ssh2$/u };

  it("says everything that a program has too much of", () => {
    expect(overBudget([program], [budget])).toEqual([
      "agent.mjs reads 2.0 KiB at its start: at most 1 KiB.",
      "agent.mjs has 4.9 KiB in all: at most 4 KiB.",
      "agent.mjs reads yaml at its start.",
      "agent.mjs has ssh2 in it.",
    ]);
    expect(
      overBudget([{ ...program, startBytes: 1024, wholeBytes: 4096, starts: [], later: [] }], [budget]),
    ).toEqual([]);
  });

  it("is needed by every program", () => {
    expect(overBudget([{ ...program, file: "other.mjs" }], [budget])).toEqual(["other.mjs has no budget."]);
  });
});
