import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** Opens a store's file; unlike SQLite's default it never makes one, which would pass for an empty store. */
export function openDatabase(path: string, options: { readonly waitMs: number }): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set("mode", "rw");
  return new DatabaseSync(url, { timeout: options.waitMs });
}

/** A name for the very file behind a path, which changes when another file takes its place. */
export function fileIdentity(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "no file" : `${found.dev}:${found.ino}`;
}
