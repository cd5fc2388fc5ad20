import path from "node:path";
import type { Metafile } from "esbuild";
import { packageNameOf } from "./packages.ts";

/** A bundled program and what is in it. */
export interface Program {
  /** Below `dist`. */
  readonly file: string;
  /** Read when it starts. */
  readonly startBytes: number;
  /** Read at its start or later. */
  readonly wholeBytes: number;
  /** npm packages, by name, whose code is in its start. */
  readonly starts: readonly string[];
  /** npm packages whose code is read only when it is needed. */
  readonly later: readonly string[];
  /** All that it may read, below `dist`, itself first. */
  readonly files: readonly string[];
}

type Outputs = Metafile["outputs"];

/** The programs of one run of the bundler, by name. */
export function contentOf({ outputs }: Metafile): Program[] {
  const entries = Object.entries(outputs).filter(([, { entryPoint }]) => entryPoint !== undefined);
  // A file that is only imported late is an entry for the bundler as well.
  const late = new Set(
    Object.values(outputs).flatMap(({ imports }) =>
      imports.filter(({ kind }) => kind === "dynamic-import").map((one) => one.path),
    ),
  );
  return entries
    .map(([file]) => file)
    .filter((file) => !late.has(file))
    .sort()
    .map((file) => programOf(file, outputs));
}

function programOf(file: string, outputs: Outputs): Program {
  const start = reach(file, outputs, (kind) => kind !== "dynamic-import");
  const whole = reach(file, outputs, () => true);
  const starts = packagesOf(start, outputs);
  return {
    file: belowDist(file),
    startBytes: sizeOf(start, outputs),
    wholeBytes: sizeOf(whole, outputs),
    starts,
    later: packagesOf(whole, outputs).filter((name) => !starts.includes(name)),
    files: whole.map(belowDist),
  };
}

const belowDist = (file: string): string => path.posix.relative("dist", file);

/** The file and all that it imports, one through the other. */
function reach(file: string, outputs: Outputs, follow: (kind: string) => boolean): string[] {
  const found = new Set([file]);
  for (const one of found)
    for (const { path: to, kind, external } of outputs[one]?.imports ?? [])
      if (external !== true && follow(kind)) found.add(to);
  return [...found];
}

const sizeOf = (files: readonly string[], outputs: Outputs): number =>
  files.reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0);

function packagesOf(files: readonly string[], outputs: Outputs): string[] {
  const inputs = files.flatMap((file) =>
    Object.entries(outputs[file]?.inputs ?? {})
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([input]) => packageNameOf(input)),
  );
  return [...new Set(inputs.filter((name) => name !== undefined))].sort();
}
