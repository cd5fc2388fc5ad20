/** What is bundled together: one run of the bundler, whose files share what they have in common. */
export interface Target {
  /** Folder below `dist`; empty for `dist` itself. */
  readonly folder: string;
  /** Names of the files to be made, without `.mjs`, and the source of each, from the project's folder. */
  readonly entries: Readonly<Record<string, string>>;
  /** Modules that are others in this target, such as `#endpoint`. */
  readonly alias?: Readonly<Record<string, string>>;
  /** Each file holds all that it needs, also what it imports late. */
  readonly alone?: boolean;
  /** Absent: Node. */
  readonly runsIn?: "workerd";
}

/** Programs, and the threads that they start: a thread's file must stand beside the program's, under this very name. */
const PROGRAMS: Target = {
  folder: "",
  entries: {
    server: "functions/runtime/node.ts",
    agent: "functions/agent/main.ts",
    ims: "functions/cli/main.ts",
    "sqlite-writer": "adapters/records/sqlite-writer.ts",
    "md5-thread": "adapters/artifacts/files/md5-thread.ts",
  },
};

/** Programs alone. */
export const TARGETS: readonly Target[] = [PROGRAMS];
