import * as v from "valibot";
import { text, wholeNumber, words } from "./values.ts";

/** How jobs run on remote build nodes. */
export interface SshConfig {
  /** Private key that opens the nodes. */
  readonly keyFile: string;
  /** Of nodes whose record does not say otherwise. */
  readonly user: string;
  readonly port: number;
  /** On the nodes, for all that is kept there. */
  readonly folder: string;
  /** Archive with the agent's container image; absent: where the project builds it. */
  readonly imageFile: string | undefined;
  /** Whether agents reach service and store by the connection to their node, or by their own network. */
  readonly tunnel: boolean;
  /** Where users reach the shells of jobs. */
  readonly shells: "service" | "node";
  readonly lostSeconds: number;
  readonly imageDays: number;
  /** Further words for `podman run`. */
  readonly podmanOptions: readonly string[];
}

export const SSH_VARIABLES = {
  IMS_SSH_KEY_FILE: v.optional(text),
  IMS_SSH_USER: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_-]{0,31}$/u, "is no name of a user")),
    "root",
  ),
  IMS_SSH_PORT: v.optional(wholeNumber(1, 65_535), "22"),
  IMS_SSH_FOLDER: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(?:\/(?!\.\.?(?:\/|$))[\w.-]+)+$/u, "is no absolute, plain path without spaces"),
    ),
    "/var/lib/ims-jobs",
  ),
  IMS_SSH_IMAGE: v.optional(text),
  IMS_SSH_TUNNEL: v.optional(words(["yes", "no"]), "yes"),
  IMS_SSH_SHELLS: v.optional(words(["service", "node"]), "service"),
  IMS_SSH_LOST_SECONDS: v.optional(wholeNumber(30, 86_400), "170"),
  IMS_SSH_JOBS_PER_NODE: v.optional(wholeNumber(0, 1000), "2"),
  IMS_SSH_IMAGE_DAYS: v.optional(wholeNumber(1, 3650), "14"),
  IMS_SSH_PODMAN_OPTIONS: v.optional(
    v.pipe(
      v.string(),
      v.transform((list) => list.split(/\s+/u).filter((word) => word !== "")),
    ),
    "",
  ),
};
const Variables = v.object(SSH_VARIABLES);
type Variables = v.InferOutput<typeof Variables>;

/** Design promise: what a node that is out of reach had is lost within 180 s. */
export function readSsh(env: Variables): SshConfig | undefined {
  if (env.IMS_SSH_KEY_FILE === undefined) return undefined;
  return {
    keyFile: env.IMS_SSH_KEY_FILE,
    user: env.IMS_SSH_USER,
    port: env.IMS_SSH_PORT,
    folder: env.IMS_SSH_FOLDER,
    imageFile: env.IMS_SSH_IMAGE,
    tunnel: env.IMS_SSH_TUNNEL === "yes",
    shells: env.IMS_SSH_SHELLS,
    lostSeconds: env.IMS_SSH_LOST_SECONDS,
    imageDays: env.IMS_SSH_IMAGE_DAYS,
    podmanOptions: env.IMS_SSH_PODMAN_OPTIONS,
  };
}

/** Variables as they came, right or wrong. */
type Given = Readonly<Record<string, string | undefined>>;

/** What no single variable can show, where jobs run on nodes. */
export function sshContradictions(given: Given): string[] {
  const problems: string[] = [];
  if (given["IMS_SSH_KEY_FILE"] === undefined) problems.push("IMS_SSH_KEY_FILE is needed with IMS_JOBS=ssh");
  if (given["IMS_SSH_TUNNEL"] === "no" && given["IMS_AGENT_URL"] === undefined)
    problems.push("IMS_AGENT_URL is needed with IMS_SSH_TUNNEL=no: where nodes reach this service");
  return problems;
}
