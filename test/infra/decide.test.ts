import { describe, expect, it } from "vitest";
import { decideSetup, familyOf } from "../../infra/setup/decide.ts";
import { toolsFor } from "../../infra/setup/tools.ts";

const debian = { osRelease: 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', isRoot: true, needsRoot: true };
const tools = toolsFor(["build"], "x64");
const missing = tools.filter(
  ({ need }) => "program" in need && ["kiwi-ng", "mksquashfs"].includes(need.program),
);

describe("deciding what to do about missing tools", () => {
  it("does nothing where everything is there", () => {
    expect(decideSetup([], debian)).toEqual({ do: "nothing" });
  });

  it("installs the packages of what is missing on Debian as root", () => {
    expect(decideSetup(missing, debian)).toEqual({
      do: "install",
      packages: ["kiwi", "squashfs-tools"],
      tools: ["kiwi-ng", "mksquashfs"],
    });
  });

  it("names the exact commands on Debian without root, and that root is needed to build", () => {
    const decision = decideSetup(missing, { ...debian, isRoot: false });
    expect(decision).toMatchObject({ do: "stop" });
    const text = decision.do === "stop" ? decision.text : "";
    expect(text).toContain("missing on this machine: kiwi-ng, mksquashfs.");
    expect(text).toContain(
      "apt-get update && apt-get install -y --no-install-recommends kiwi squashfs-tools",
    );
    expect(text).toContain("needs root");
  });

  it("never installs on a distribution that it does not manage, not even as root", () => {
    const decision = decideSetup(missing, { ...debian, osRelease: "ID=fedora\n" });
    expect(decision).toMatchObject({
      do: "stop",
      text: expect.stringContaining("dnf install -y kiwi-cli squashfs-tools"),
    });
  });

  it("gives the commands of every known family on an unknown distribution", () => {
    const decision = decideSetup(missing, { ...debian, osRelease: "" });
    const text = decision.do === "stop" ? decision.text : "";
    expect(text).toContain("apt-get install -y --no-install-recommends kiwi squashfs-tools");
    expect(text).toContain("dnf install -y kiwi-cli squashfs-tools");
    expect(text).toContain("zypper install -y --no-recommends python3-kiwi squashfs");
  });

  it("stops without root when all is there but root is needed", () => {
    expect(decideSetup([], { ...debian, isRoot: false })).toMatchObject({
      do: "stop",
      text: expect.stringContaining("root"),
    });
  });

  it("does not ask for root where nothing needs it", () => {
    expect(decideSetup([], { ...debian, isRoot: false, needsRoot: false })).toEqual({ do: "nothing" });
  });
});

describe("the family of a distribution", () => {
  it("is that of its ID", () => {
    expect(familyOf("NAME=x\nID=ubuntu\nID_LIKE=debian\n")).toBe("apt");
    expect(familyOf('ID="opensuse-leap"\n')).toBe("zypper");
    expect(familyOf('ID="sles"\n')).toBe("zypper");
  });

  it("is that of what it says it is like, when its ID is unknown", () => {
    expect(familyOf('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe("apt");
    expect(familyOf('ID="rocky"\nID_LIKE="rhel centos fedora"\n')).toBe("dnf");
  });

  it("is unknown for a word that only a variant's name holds", () => {
    expect(familyOf("ID=plan9\nVARIANT_ID=debian\n")).toBeUndefined();
  });
});

describe("the tools of a purpose", () => {
  it("are those of every purpose asked for, the emulator being that of the machine", () => {
    const names = toolsFor(["boot", "test"], "arm64").map(({ need }) =>
      "program" in need ? need.program : "",
    );
    expect(names).toEqual(["qemu-system-aarch64", "setfattr", "setcap", "setfacl", "rpmbuild"]);
  });

  it("include packer only where it is asked for", () => {
    expect(tools.map(({ need }) => need)).not.toContainEqual({ program: "packer" });
    expect(toolsFor(["packer"], "x64").map(({ need }) => need)).toContainEqual({ program: "packer" });
  });

  it("include Jinja2 for building", () => {
    expect(tools.map(({ need }) => need)).toContainEqual({ pythonModule: "jinja2" });
  });
});
