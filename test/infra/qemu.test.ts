import { describe, expect, it } from "vitest";
import { plainLine, qemuCommand } from "../../infra/boot/qemu.ts";

const files = { kernel: "/i/kernel", initrd: "/i/initrd", rootfs: "/i/rootfs" };

describe("the emulator's command", () => {
  it("gives the kernel the serial console, the squashfs as live root and the wish to power off", () => {
    const command = qemuCommand(files, "x64", 512);
    expect(command?.file).toBe("qemu-system-x86_64");
    const append = command?.args[command.args.indexOf("-append") + 1];
    expect(append).toContain("console=ttyS0,115200");
    expect(append).toContain("root=live:/dev/vda");
    expect(append).toContain("ims.poweroff");
    expect(command?.args).toContain("if=virtio,format=raw,readonly=on,file=/i/rootfs");
  });

  it("takes a comma in a file's name for what it is", () => {
    const command = qemuCommand({ ...files, rootfs: "/a,readonly=off" }, "x64", 512);
    expect(command?.args).toContain("if=virtio,format=raw,readonly=on,file=/a,,readonly=off");
  });

  it("knows where the console of an arm64 machine is", () => {
    const command = qemuCommand(files, "arm64", 512);
    expect(command?.file).toBe("qemu-system-aarch64");
    expect(command?.args.at(-1)).toContain("console=ttyAMA0,115200");
  });

  it("is unknown for a machine of another kind", () => {
    expect(qemuCommand(files, "s390x", 512)).toBeUndefined();
  });
});

describe("a line of the console", () => {
  it("loses colours, cursor movements and bells, and keeps its text", () => {
    expect(plainLine("\u001B[0;1;32m[  OK  ]\u001B[0m Grüße\u0007\r")).toBe("[  OK  ] Grüße");
  });
});
