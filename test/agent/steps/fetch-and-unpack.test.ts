import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { fetchRecipe } from "../../../functions/agent/steps/fetch-recipe.ts";
import { unpackRecipe } from "../../../functions/agent/steps/unpack-recipe.ts";
import { type ArchiveEntry, scratchFolder, tarBytes } from "../../support/archives.ts";
import { httpServer } from "../../support/http-server.ts";
import { stepContext } from "../../support/steps.ts";

const CONFIG: ArchiveEntry = { name: "config.xml", content: "<image/>" };

async function fetchBytes(bytes: Uint8Array, told: { md5?: string; sha256?: string; status?: number } = {}) {
  const { status = 200, ...digests } = told;
  const url = await httpServer((_request, response) => response.writeHead(status).end(bytes));
  const context = stepContext({ workFolder: await scratchFolder() });
  await fetchRecipe(context, {
    do: "fetch-recipe",
    status: "fetching_recipe",
    download: { url, size: bytes.length, ...digests },
  });
  return context;
}

interface Given {
  readonly bytes?: number;
  readonly entries?: number;
  readonly type?: "kiwi-ng" | "packer";
}

async function unpack(entries: readonly ArchiveEntry[], limits: Given = {}) {
  const context = await fetchBytes(gzipSync(await tarBytes(entries)));
  await unpackRecipe(context, {
    do: "unpack-recipe",
    status: "fetching_recipe",
    recipe_type: limits.type ?? "kiwi-ng",
    max_bytes: limits.bytes ?? 1_000_000,
    max_entries: limits.entries ?? 100,
  });
  return context;
}

describe("fetching a recipe", () => {
  it("leaves the archive in the work folder and tells how far it is", async () => {
    const bytes = Buffer.from("archive");
    const md5 = createHash("md5").update(bytes).digest("hex");
    const { state, workFolder, reports } = await fetchBytes(bytes, { md5 });
    expect(state.recipeArchive?.startsWith(workFolder)).toBe(true);
    expect(await readFile(state.recipeArchive ?? "", "utf8")).toBe("archive");
    expect(reports.at(-1)).toEqual({ message: "Fetching the recipe's archive", percent: 100 });
  });

  it("fails when it is not what its record says", async () => {
    const fetching = fetchBytes(Buffer.from("archive"), { md5: "0".repeat(32) });
    await expect(fetching).rejects.toMatchObject({
      code: "checksum_mismatch",
      message: expect.stringContaining("md5"),
      hint: expect.stringContaining("upload it again"),
    });
  });

  it("fails when it cannot be had", async () => {
    await expect(fetchBytes(Buffer.from("x"), { status: 404 })).rejects.toMatchObject({
      code: "download_failed",
      message: expect.stringMatching(/0 of 1 bytes came\. .*404/u),
    });
  });
});

describe("unpacking a recipe", () => {
  it("finds the description at the archive's root, below ./ or in the one top folder", async () => {
    const { state, workFolder } = await unpack([CONFIG]);
    expect(state.recipeFolder).toBe(join(workFolder, "recipe"));
    const dotted = await unpack([
      { name: "./", type: "directory" },
      { ...CONFIG, name: "./config.xml" },
    ]);
    expect(dotted.state.recipeFolder).toBe(join(dotted.workFolder, "recipe"));
    const nested = await unpack([{ ...CONFIG, name: "mine/appliance.kiwi" }]);
    expect(nested.state.recipeFolder).toBe(join(nested.workFolder, "recipe/mine"));
  });

  it("fails without a description, saying how an archive is made", async () => {
    for (const entries of [
      [{ name: "other.txt" }],
      [
        { name: "a/config.xml", content: "x" },
        { name: "b", content: "" },
      ],
      [{ name: "config.xml", type: "symlink", linkname: "/etc/hostname" } as const],
    ])
      await expect(unpack(entries)).rejects.toMatchObject({
        code: "recipe_invalid",
        message: expect.stringContaining("config.xml"),
        hint: expect.stringContaining("tar -C"),
      });
  });

  it("finds a packer template at the archive's root or in the one top folder", async () => {
    const { state, workFolder } = await unpack([{ name: "image.pkr.hcl" }], { type: "packer" });
    expect(state.recipeFolder).toBe(join(workFolder, "recipe"));
    const nested = await unpack([{ name: "mine/a.json" }, { name: "mine/scripts/x.sh" }], { type: "packer" });
    expect(nested.state.recipeFolder).toBe(join(nested.workFolder, "recipe/mine"));
  });

  it("says what a packer recipe without template, or with several, lacks", async () => {
    await expect(unpack([CONFIG], { type: "packer" })).rejects.toMatchObject({
      code: "recipe_invalid",
      message: expect.stringContaining("no packer template"),
      hint: expect.stringContaining("*.pkr.hcl"),
    });
    const several = unpack([{ name: "a.json" }, { name: "b.json" }], { type: "packer" });
    await expect(several).rejects.toMatchObject({
      code: "recipe_invalid",
      message: expect.stringContaining("a.json, b.json"),
    });
  });

  it("fails on an archive that reaches out, or is none, or too large", async () => {
    await expect(unpack([{ name: "../evil" }])).rejects.toMatchObject({ code: "recipe_invalid" });
    await expect(unpack([CONFIG], { bytes: 100 })).rejects.toMatchObject({
      code: "recipe_invalid",
      message: expect.stringContaining("100 bytes"),
    });
    await expect(unpack([CONFIG, { name: "b" }], { entries: 1 })).rejects.toMatchObject({
      code: "recipe_invalid",
    });
    const context = await fetchBytes(Buffer.from("no archive"));
    const step = {
      do: "unpack-recipe",
      status: "fetching_recipe",
      recipe_type: "kiwi-ng",
      max_bytes: 9,
      max_entries: 9,
    } as const;
    await expect(unpackRecipe(context, step)).rejects.toMatchObject({
      code: "recipe_invalid",
      message: expect.stringContaining("not gzip"),
    });
  });
});
