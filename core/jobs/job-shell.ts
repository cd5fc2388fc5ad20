import type { ShellAddresses } from "../ports/job-runner.ts";
import type { Job } from "./job.ts";

/** The containers of a job whose shell answers now: `connection_info` says where (behaviour 155). */
export function openShells(
  containers: Job["ssh_containers"],
  { customer, cluster }: ShellAddresses,
): Job["ssh_containers"] {
  return (
    containers?.map((container) => ({
      ...container,
      status: "active",
      connection_info: { customer_access: { ...customer }, "cluster.local": { ...cluster } },
    })) ?? null
  );
}

/** The same once nobody can log in any more. */
export function closeShells(containers: Job["ssh_containers"]): Job["ssh_containers"] {
  return containers?.map((container) => ({ ...container, status: "complete" })) ?? null;
}
