import type { Argv } from "./isolation.ts";

export interface LocalRunnerConfig {
  /** Folder that holds a work folder for each job; made when it is not there. */
  readonly workRoot: string;
  /** Where agents reach the service; asked at each launch, because the port may be known only then. */
  readonly serviceUrl: () => string;
  /** How an agent is started: a program and its arguments. */
  readonly agentCommand: Argv;
  /** All that agents find in their environment, next to what concerns their job. Must not hold secrets. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** `auto` (default): as far apart as the machine lets them. `none`: a plain process. */
  readonly isolation?: "auto" | "none";
  /** Folders and files that no job has to see, such as the service's data. */
  readonly hidden?: readonly string[];
  /** What agents need of the hidden folders, beside their work folder: their own program, when it lies there. */
  readonly needed?: readonly string[];
  /** Told once for each thing that this machine does not give, as the end of "Jobs run without ...". */
  readonly onLack?: (lack: string) => void;
}
