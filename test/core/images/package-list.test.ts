import { describe, expect, it } from "vitest";
import { packageListText, readDpkgStatus, readRpmLines } from "../../../core/images/package-list.ts";

const STATUS = `Package: zlib1g
Status: install ok installed
Priority: required
Architecture: amd64
Multi-Arch: same
Version: 1:1.2.13.dfsg-1
Description: compression library - runtime
 zlib is a library implementing the deflate compression method
 Version: 9 is not a field here
Conffiles:
 /etc/x 0123456789abcdef

Package: adduser
Status: deinstall ok config-files
Architecture: all
Version: 3.134

Package: gone
Status: purge ok not-installed
Architecture: all

`;

describe("the packages of a dpkg database", () => {
  it("have name, version, architecture and status, by name", () => {
    expect(readDpkgStatus(STATUS)).toEqual({
      manager: "dpkg",
      packages: [
        { name: "adduser", version: "3.134", arch: "all", status: "deinstall ok config-files" },
        { name: "zlib1g", version: "1:1.2.13.dfsg-1", arch: "amd64", status: "install ok installed" },
      ],
    });
  });

  it("are none in what is no such database", () => {
    for (const text of ["", "\n\n\n", "\u0000\u0001 not a status file"])
      expect(readDpkgStatus(text).packages).toEqual([]);
  });
});

describe("the packages of an rpm database", () => {
  it("are read from rpm's lines, warnings and keys left out", () => {
    const lines = [
      "warning: Found bdb_ro Packages database while attempting sqlite backend: using bdb_ro backend.",
      "ims-package\tzypper\t1.14.5-1.2\tx86_64",
      "ims-package\tgpg-pubkey\t39db7c82-5847eb1f\t(none)",
      "ims-package\tbash\t1:5.1-2\tx86_64",
    ];
    expect(readRpmLines(lines)).toEqual({
      manager: "rpm",
      packages: [
        { name: "bash", version: "1:5.1-2", arch: "x86_64" },
        { name: "zypper", version: "1.14.5-1.2", arch: "x86_64" },
      ],
    });
  });
});

describe("the object beside an image", () => {
  it("is JSON with a version", () => {
    const list = readDpkgStatus(STATUS);
    expect(JSON.parse(packageListText(list))).toEqual({ version: "1.0", ...list });
  });
});
