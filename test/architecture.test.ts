import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../functions/endpoints.ts";

const root = path.join(import.meta.dirname, "..");
const sources = globSync("{core,functions,adapters,infra}/**/*.{ts,mjs}", { cwd: root });

interface Import {
  readonly file: string;
  readonly target: string;
  /** Whether it is gone once the types are. */
  readonly ofTypes: boolean;
}

/** Every static import, re-export and literal dynamic import of our sources; relative ones resolved from the root. */
const imports: Import[] = sources.flatMap((file) => {
  const text = readFileSync(path.join(root, file), "utf8");
  const found = text.matchAll(
    /(\bimport type [^;"']*)?(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bURL\(\s*)["']([^"']+)["']/gu,
  );
  return [...found].map(([, types, name = ""]) => ({
    file,
    target: name.startsWith(".") ? path.normalize(path.join(path.dirname(file), name)) : name,
    ofTypes: types !== undefined,
  }));
});

const broken = (where: (file: string) => boolean, allowed: (target: string, found: Import) => boolean) =>
  imports
    .filter((found) => where(found.file) && !allowed(found.target, found))
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

  it("lets only the composition roots import adapters, and the configuration name the types of what it is for", () => {
    const elsewhere = (file: string) => file.startsWith("functions/") && !COMPOSERS.test(file);
    const named = ({ file, ofTypes }: Import) => ofTypes && file.startsWith("functions/config/");
    expect(broken(elsewhere, (target, found) => !target.startsWith("adapters/") || named(found))).toEqual([]);
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
