import { statfsSync } from "node:fs";
import { DomainError } from "../../core/errors.ts";

/** Magic numbers of statfs(2). SQLite's shared memory and locks do not hold between hosts on any of these. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<bigint, string> = new Map([
  [0x6969n, "NFS"],
  [0x517bn, "SMB"],
  [0xff534d42n, "CIFS"],
  [0xfe534d42n, "SMB2"],
  [0x01021997n, "9p"],
  [0x00c36400n, "Ceph"],
  [0x0bd00bd0n, "Lustre"],
  [0x47504653n, "GPFS"],
  [0x5346414fn, "AFS"],
  [0x6b414653n, "AFS"],
  [0x73757245n, "Coda"],
  [0x564cn, "NCP"],
  [0x01161970n, "GFS2"],
  [0x7461636fn, "OCFS2"],
  [0x19830326n, "BeeGFS"],
  [0x20030528n, "OrangeFS"],
  [0xaad7aaean, "PanFS"],
  [0x786f4256n, "VirtualBox shared folder"],
]);

/** The name of the network file system with this statfs type; `undefined` for a local one. */
export function networkFileSystem(type: bigint): string | undefined {
  // Some platforms hand out the 32 bits sign-extended.
  return NETWORK_FILE_SYSTEMS.get(BigInt.asUintN(32, type));
}

/** @throws `unavailable` when the path is on a network file system. */
export function refuseNetworkFileSystem(path: string): void {
  const name = networkFileSystem(statfsSync(path, { bigint: true }).type);
  if (name === undefined) return;
  throw new DomainError(
    "unavailable",
    `The record store cannot be kept on a network file system (${name}): its locks do not hold there. ` +
      "Put it on a disk of this host, or use a record store that is a service of its own.",
  );
}
