import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../functions/endpoints.ts";

const root = path.join(import.meta.dirname, "..");
const sources = globSync("{core,functions,adapters,infra}/**/*.{ts,mjs}", { cwd: root });

interface Import {
  readonly file: string;
  readonly target: string;
}

/** Every static import, re-export and literal dynamic import of our sources; relative ones resolved from the root. */
const imports: Import[] = sources.flatMap((file) => {
  const text = readFileSync(path.join(root, file), "utf8");
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bURL\(\s*)["']([^"']+)["']/gu);
  return [...found].map(([, name = ""]) => ({
    file,
    target: name.startsWith(".") ? path.normalize(path.join(path.dirname(file), name)) : name,
  }));
});

const broken = (where: (file: string) => boolean, allowed: (target: string) => boolean) =>
  imports
    .filter(({ file, target }) => where(file) && !allowed(target))
    .map(({ file, target }) => `${file} imports ${target}`);

const COMPOSERS = /^functions\/(?:compose\.ts|compose\/.*|runtime\/.*|agent\/main\.ts|cli\/main\.ts)$/u;

describe("the architecture", () => {
  it("has sources to look at", () => {
    expect(imports.length).toBeGreaterThan(200);
  });

  it("lets core import only itself and valibot", () => {
    expect(
      broken(
        (file) => file.startsWith("core/"),
        (target) => target.startsWith("core/") || target === "valibot",
      ),
    ).toEqual([]);
  });

  it("keeps time, chance, the process and the network out of core", () => {
    const forbidden =
      /\b(?:Date\.now|Math\.random|randomUUID|process\.|fetch\(|setTimeout|setInterval|new Date\(\))/u;
    const guilty = sources
      .filter((file) => file.startsWith("core/"))
      .filter((file) =>
        forbidden.test(readFileSync(path.join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\//gu, "")),
      );
    expect(guilty).toEqual([]);
  });

  it("lets adapters import only core and other adapters of our own code", () => {
    const ours = /^(?:functions|infra|test)\//u;
    expect(
      broken(
        (file) => file.startsWith("adapters/"),
        (target) => !ours.test(target),
      ),
    ).toEqual([]);
  });

  it("lets only the composition roots import adapters", () => {
    const elsewhere = (file: string) => file.startsWith("functions/") && !COMPOSERS.test(file);
    expect(broken(elsewhere, (target) => !target.startsWith("adapters/"))).toEqual([]);
  });

  it("starts programs in one place", () => {
    const guilty = imports.filter(
      ({ file, target }) =>
        /^(?:core|functions|adapters)\//u.test(file) &&
        /^(?:node:)?child_process$/u.test(target) &&
        file !== "adapters/process/spawn.ts",
    );
    expect(guilty).toEqual([]);
  });

  it("reads the environment only where a program starts", () => {
    const readers = sources.filter(
      (file) =>
        /^(?:core|functions|adapters)\//u.test(file) &&
        /process\.env\b/u.test(readFileSync(path.join(root, file), "utf8")),
    );
    expect(
      readers.filter((file) => !COMPOSERS.test(file) && file !== "adapters/process/environment.ts"),
    ).toEqual([]);
  });

  it("lists every endpoint file", () => {
    const files = sources.filter((file) =>
      /^functions\/(?:v2|v3|health|agent-api|signed|version|openapi)/u.test(file),
    );
    const endpointFiles = files.filter((file) =>
      /export default (?:endpoint\(|family\.|alike\()/u.test(readFileSync(path.join(root, file), "utf8")),
    );
    const listed = imports
      .filter(({ file }) => file === "functions/endpoints.ts")
      .map(({ target }) => target);
    expect(endpointFiles.filter((file) => !listed.includes(file))).toEqual([]);
    expect(ENDPOINTS).toHaveLength(endpointFiles.length);
  });

  it("names every operation once and every path with its method once", () => {
    const operations = ENDPOINTS.map(({ operation }) => operation);
    const routes = ENDPOINTS.map(({ method, path: route }) => `${method} ${route}`);
    expect(new Set(operations).size).toBe(operations.length);
    expect(new Set(routes).size).toBe(routes.length);
  });
});
