import type { Job } from "./job.ts";

/** Where a shell answers. */
export interface ShellAddress {
  readonly host: string;
  readonly port: number;
}

/** The containers of a job whose shell answers now: both entries of `connection_info` say where (behaviour 155). */
export function openShells(containers: Job["ssh_containers"], address: ShellAddress): Job["ssh_containers"] {
  return (
    containers?.map((container) => ({
      ...container,
      status: "active",
      connection_info: { customer_access: { ...address }, "cluster.local": { ...address } },
    })) ?? null
  );
}

/** The same once nobody can log in any more. */
export function closeShells(containers: Job["ssh_containers"]): Job["ssh_containers"] {
  return containers?.map((container) => ({ ...container, status: "complete" })) ?? null;
}
