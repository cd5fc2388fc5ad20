import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FAILURE_CODES } from "../core/jobs/failure.ts";

const root = join(import.meta.dirname, "..");
const table = await readFile(join(root, "infra/job-errors.md"), "utf8");
const rows = [...table.matchAll(/^\| `(\w+)` +\|(.+)\|$/gmu)].map(([, code = "", rest = ""]) => ({
  code,
  cells: rest.split("|").map((cell) => cell.trim()),
}));

describe("the list of reasons for which jobs fail", () => {
  it("has every code once, with what it means and what to do", () => {
    expect(rows.map(({ code }) => code)).toEqual([...FAILURE_CODES].toSorted());
    for (const { cells } of rows) expect(cells.filter((cell) => cell.length > 0)).toHaveLength(3);
  });

  it.each(rows)("names tests that make jobs fail with $code", async ({ code, cells }) => {
    const files = [...(cells[2] ?? "").matchAll(/`([^`]+)`/gu)].map(([, file = ""]) => file);
    expect(files).not.toEqual([]);
    for (const file of files) expect(await readFile(join(root, file), "utf8")).toContain(`"${code}"`);
  });
});
