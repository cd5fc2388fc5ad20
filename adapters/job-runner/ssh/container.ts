import type { LaunchOrder } from "../../../core/ports/job-runner.ts";
import { confinementEnvironment } from "../local/confinement.ts";
import type { SshRunnerConfig } from "./config.ts";

/** Far more than builds have; a fork bomb stays below what the machine can bear. */
const MOST_PROCESSES = 8192;

/**
 * What building needs beside podman's default: to mount, to make devices and immutable files, and to look after
 * processes of other users.
 */
const ADDED_CAPABILITIES = [
  "AUDIT_WRITE",
  "IPC_LOCK",
  "LINUX_IMMUTABLE",
  "MKNOD",
  "SYS_ADMIN",
  "SYS_NICE",
  "SYS_PTRACE",
  "SYS_RESOURCE",
];

const TOKEN = "/run/ims/token";
const AUTHORITY = "/run/ims/ca.pem";
const TUNNEL = "/run/ims/tunnel";
const WORK = "/work";

type Facts = Pick<
  SshRunnerConfig,
  "folder" | "owner" | "agentEnv" | "serviceUrl" | "shells" | "podmanOptions"
> & {
  readonly tunnelled: boolean;
  readonly authority: boolean;
};

/** The words for `podman run` that follow from a job. The token is in a file that only its path names. */
export function containerWords(order: LaunchOrder, facts: Facts): string[] {
  const { folder, owner } = facts;
  const own = `${folder}/${owner}/jobs/${order.jobId}`;
  return [
    ...labels(order, owner),
    // The tunnel's shells, and repositories by the node's own names and routes.
    "--network=host",
    "--stop-timeout=0",
    "--log-driver=k8s-file",
    "--log-opt=max-size=1mb",
    ...privileges(order),
    ...limits(order),
    ...mount(`${own}/work`, WORK),
    ...mount(`${own}/token-${order.attempt}`, TOKEN, "ro"),
    ...(facts.authority ? mount(`${own}/ca.pem`, AUTHORITY, "ro") : []),
    ...(facts.tunnelled ? mount(`${folder}/${owner}/tunnel`, TUNNEL, "ro") : []),
    ...environment(order, facts),
    ...(facts.podmanOptions ?? []),
  ];
}

function labels({ jobId, attempt, limits: most }: LaunchOrder, owner: string): string[] {
  const all = {
    "ims.owner": owner,
    "ims.job": jobId,
    "ims.attempt": String(attempt),
    ...(most === undefined ? {} : { "ims.memory": String(most.memoryBytes) }),
  };
  return Object.entries(all).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
}

/** Jobs that build kernel modules get the machine's devices, as on the original's pods. */
function privileges({ work }: LaunchOrder): string[] {
  if (work.dkms) return ["--privileged"];
  const unconfined = ["--security-opt", "label=disable", "--security-opt", "apparmor=unconfined"];
  return [...unconfined, ...ADDED_CAPABILITIES.flatMap((name) => ["--cap-add", name])];
}

function limits({ limits: most }: LaunchOrder): string[] {
  const memory =
    most === undefined ? [] : ["--memory", `${most.memoryBytes}b`, "--memory-swap", `${most.memoryBytes}b`];
  return ["--pids-limit", String(MOST_PROCESSES), ...memory];
}

function mount(from: string, to: string, mode = "rw"): string[] {
  return ["--volume", `${from}:${to}:${mode}`];
}

function environment(order: LaunchOrder, facts: Facts): string[] {
  const confinement = {
    ownMounts: false,
    hidden: [],
    needed: [],
    groups: [],
    lacks: [],
    ...(order.limits === undefined ? {} : { limits: order.limits }),
  };
  const all = {
    ...facts.agentEnv,
    ...confinementEnvironment(confinement),
    IMS_JOB_ID: order.jobId,
    IMS_SERVICE_URL: facts.serviceUrl(),
    IMS_WORK_FOLDER: `${WORK}/${order.jobId}`,
    IMS_TOKEN_FILE: TOKEN,
    // Users come in by the service, or to the node itself.
    IMS_SHELL_HOST: facts.shells.via === "service" ? "127.0.0.1" : "0.0.0.0",
    ...(facts.tunnelled ? { IMS_TUNNEL_SOCKET: `${TUNNEL}/service.sock` } : {}),
    ...(facts.authority ? { NODE_EXTRA_CA_CERTS: AUTHORITY } : {}),
  };
  return Object.entries(all).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
}
