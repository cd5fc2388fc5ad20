import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../../core/errors.ts";
import type { ShellAddress, ShellAddresses } from "../../../core/ports/job-runner.ts";
import type { Cluster } from "./api/cluster.ts";
import { AnyObject, ServiceView, understood } from "./api/views.ts";
import type { ManifestConfig } from "./config.ts";
import { SERVICE_PORT } from "./manifests/facts.ts";
import { shellHostName } from "./manifests/shell.ts";

/** How long a load balancer may take to give an address before the users are told the name that it will have. */
const ADDRESS_MILLISECONDS = 6000;
const PAUSE_MILLISECONDS = 250;
const NAME_MILLISECONDS = 2000;

export interface ShellQuery {
  readonly jobId: string;
  readonly labelSelector: string;
  /** Of the node that the job's pod runs on. */
  readonly nodeAddress: () => Promise<string | undefined>;
}

/** Where users reach a job's shell: by its Service. @throws `unavailable` when it has none */
export async function shellAddressesOf(
  cluster: Cluster,
  { shell }: Pick<ManifestConfig, "shell">,
  query: ShellQuery,
): Promise<ShellAddresses> {
  const deadline = performance.now() + ADDRESS_MILLISECONDS;
  for (;;) {
    const { items } = await cluster.list("services", { labelSelector: query.labelSelector });
    const [first] = items;
    if (first === undefined) throw new DomainError("unavailable", "The job's shell has no Service.");
    const { name } = understood(AnyObject, first).metadata;
    const service = understood(ServiceView, first);
    const named = { host: shellHostName(query.jobId, shell.domain), port: SERVICE_PORT };
    const found = await customerAddress(service, named, query);
    const cluster_ = { host: `${name}.${cluster.namespace}.svc.cluster.local`, port: SERVICE_PORT };
    if (found !== undefined) return { customer: found, cluster: cluster_ };
    if (performance.now() > deadline) return { customer: named, cluster: cluster_ };
    await delay(PAUSE_MILLISECONDS);
  }
}

/** `undefined`: there is none yet. */
async function customerAddress(
  service: ServiceView,
  named: ShellAddress,
  { nodeAddress }: ShellQuery,
): Promise<ShellAddress | undefined> {
  const { clusterIP, ports, type } = service.spec;
  if (type === "LoadBalancer") return await balanced(service, named);
  if (type !== "NodePort")
    return clusterIP === undefined ? undefined : { host: clusterIP, port: SERVICE_PORT };
  const [host, port] = [await nodeAddress(), ports[0]?.nodePort];
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** By the job's name where that has become known to the machine's DNS, else by the address that it was given. */
async function balanced(service: ServiceView, named: ShellAddress): Promise<ShellAddress | undefined> {
  const [ingress] = service.status.loadBalancer.ingress;
  const host = ingress?.hostname ?? ingress?.ip;
  if (host === undefined) return undefined;
  const promised = Object.values(service.metadata.annotations).includes(named.host);
  return promised && (await resolves(named.host)) ? named : { host, port: SERVICE_PORT };
}

async function resolves(name: string): Promise<boolean> {
  const found = lookup(name).then(
    () => true,
    () => false,
  );
  return await Promise.race([found, delay(NAME_MILLISECONDS, false, { ref: false })]);
}
