import { describe, expect, it } from "vitest";
import { networkFileSystem } from "../../../adapters/records/network-file-system.ts";

describe("the kind of file system a store is on", () => {
  it.each([
    ["NFS", 0x6969n],
    ["CIFS", 0xff534d42n],
    ["CIFS", 0xffffffffff534d42n],
    ["SMB2", 0xfe534d42n],
    ["9p", 0x01021997n],
    ["Ceph", 0x00c36400n],
    ["Lustre", 0x0bd00bd0n],
    ["GPFS", 0x47504653n],
  ])("is a network for %s", (name, type) => {
    expect(networkFileSystem(type)).toBe(name);
  });

  it.each([
    ["ext4", 0xef53n],
    ["xfs", 0x58465342n],
    ["btrfs", 0x9123683en],
    ["tmpfs", 0x01021994n],
    ["overlayfs", 0x794c7630n],
    ["zfs", 0x2fc12fc1n],
  ])("is local for %s", (_name, type) => {
    expect(networkFileSystem(type)).toBeUndefined();
  });
});
