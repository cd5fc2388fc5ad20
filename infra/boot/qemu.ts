export interface BootFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly rootfs: string;
}

interface Kind {
  readonly program: string;
  readonly machine: readonly string[];
  readonly console: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  x64: { program: "qemu-system-x86_64", machine: [], console: "ttyS0" },
  arm64: { program: "qemu-system-aarch64", machine: ["-machine", "virt"], console: "ttyAMA0" },
};

const FIXED =
  "-accel tcg -cpu max -smp 1 -nodefaults -display none -monitor none -no-reboot -serial stdio".split(" ");

/** The root is the squashfs on the first disk, with an overlay in memory for what is written. */
const KERNEL_ARGUMENTS = [
  "root=live:/dev/vda",
  "rd.live.overlay.overlayfs=1",
  "rd.neednet=0",
  "systemd.log_color=0",
  "ims.poweroff",
];

/**
 * Program and arguments that boot an image of this machine's own kind (as `process.arch` has it), emulated, so that it
 * also works where there is no KVM. The serial console is standard output. `undefined` for a kind that is not known.
 */
export function qemuCommand(
  files: BootFiles,
  arch: string,
  memoryMiB: number,
): { readonly file: string; readonly args: readonly string[] } | undefined {
  const kind = KINDS[arch];
  if (kind === undefined) return undefined;
  // a comma ends a value in QEMU's options; two are one of a file name
  const rootfs = files.rootfs.replaceAll(",", ",,");
  const append = [`console=${kind.console},115200`, ...KERNEL_ARGUMENTS].join(" ");
  return {
    file: kind.program,
    args: [
      ...kind.machine,
      ...FIXED,
      "-m",
      `${memoryMiB}`,
      "-kernel",
      files.kernel,
      "-initrd",
      files.initrd,
      "-drive",
      `if=virtio,format=raw,readonly=on,file=${rootfs}`,
      "-append",
      append,
    ],
  };
}

// oxlint-disable-next-line no-control-regex -- terminal control sequences are what is looked for
const CONTROL = /\u001B(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\u0000-\u0008\u000B-\u001F\u007F]/gu;

/** A line of a console without what moves the cursor or colours it. */
export function plainLine(line: string): string {
  return line.replaceAll(CONTROL, "");
}
