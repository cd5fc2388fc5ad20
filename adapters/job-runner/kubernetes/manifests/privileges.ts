import type { V1SecurityContext } from "@kubernetes/client-node";

/**
 * What building and customizing need of root's rights, and nothing beside them:
 *
 * - AUDIT_WRITE: sshd tells the kernel who logs in, and refuses logins when it may not.
 * - CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP: an image's files get the owners, modes and capabilities that its
 *   packages say.
 * - KILL: whoever customizes may run programs as other users; they end with the job.
 * - MKNOD: an image's /dev.
 * - SETGID, SETUID: apt, dpkg's scripts and sshd work as other users for a while.
 * - SETPCAP: sshd and programs in the image give up capabilities.
 * - SYS_ADMIN: mounts (proc, sys and dev of the image root, private package databases) and namespaces for shells.
 * - SYS_CHROOT: package scripts and jailed shells run in the image root.
 * - SYS_PTRACE: the agent finds the job's programs, of all users, by their environment.
 */
const CAPABILITIES = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_ADMIN",
  "SYS_CHROOT",
  "SYS_PTRACE",
] as const;

/**
 * Kernel modules are built against, and loaded into, the kernel that the pod has: with `dkms` it sees the devices and
 * may write to /sys (behaviour 161). Give such jobs a runtime class that brings a kernel of its own.
 */
export function agentPrivileges(dkms: boolean): V1SecurityContext {
  if (dkms) return { runAsUser: 0, privileged: true };
  return {
    runAsUser: 0,
    privileged: false,
    // Kubernetes refuses SYS_ADMIN without it.
    allowPrivilegeEscalation: true,
    capabilities: { drop: ["ALL"], add: [...CAPABILITIES] },
    seccompProfile: { type: "RuntimeDefault" },
    // The profile that container runtimes bring denies every mount, whatever the capabilities.
    appArmorProfile: { type: "Unconfined" },
  };
}
