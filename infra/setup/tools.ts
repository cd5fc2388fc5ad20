/** What a machine needs for a purpose: building images of kiwi-ng recipes or of packer ones, customizing, booting, testing them, making and running container images, fuzzing the API, LocalStack without Docker, or stand-ins for remote build nodes. */
export const PURPOSES = [
  "build",
  "packer",
  "shell",
  "boot",
  "test",
  "containers",
  "fuzz",
  "localstack",
  "nodes",
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Families of distributions, by their package manager. */
export type Family = "apt" | "dnf" | "zypper";

export interface Tool {
  /** A program to be found, one that has its place elsewhere, or a module that the system's Python can import. */
  readonly need: { readonly program: string } | { readonly file: string } | { readonly pythonModule: string };
  readonly packages: Readonly<Record<Family, string>>;
}

function program(name: string, apt: string, dnf: string, zypper: string): Tool {
  return { need: { program: name }, packages: { apt, dnf, zypper } };
}

const BUILD: readonly Tool[] = [
  program("kiwi-ng", "kiwi", "kiwi-cli", "python3-kiwi"),
  program("debootstrap", "debootstrap", "debootstrap", "debootstrap"),
  // kiwi copies with it, but Debian's package of kiwi does not ask for it
  program("rsync", "rsync", "rsync", "rsync"),
  program("gpg", "gnupg", "gnupg2", "gpg2"),
  program("mksquashfs", "squashfs-tools", "squashfs-tools", "squashfs"),
  {
    need: { pythonModule: "jinja2" },
    packages: { apt: "python3-jinja2", dnf: "python3-jinja2", zypper: "python3-Jinja2" },
  },
];

const PACKER: readonly Tool[] = [
  program("packer", "packer", "packer", "packer"),
  program("xz", "xz-utils", "xz", "xz"),
  program("zstd", "zstd", "zstd", "zstd"),
];

/** sshd itself is started for each job; the machine needs none of its own. */
const SHELL: readonly Tool[] = [
  program("sshd", "openssh-server", "openssh-server", "openssh-server"),
  program("ssh", "openssh-client", "openssh-clients", "openssh-clients"),
  program("unsquashfs", "squashfs-tools", "squashfs-tools", "squashfs"),
];

const BOOT: Readonly<Record<string, Tool>> = {
  x64: program("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core", "qemu-x86"),
  arm64: program("qemu-system-aarch64", "qemu-system-arm", "qemu-system-aarch64-core", "qemu-arm"),
};

const TEST: readonly Tool[] = [
  program("setfattr", "attr", "attr", "attr"),
  program("setcap", "libcap2-bin", "libcap", "libcap-progs"),
  program("setfacl", "acl", "acl", "acl"),
  program("rpmbuild", "rpm", "rpm-build", "rpm-build"),
];

/** What podman's networks are made by, which it does not look for in the PATH. */
const network = (name: string): Tool => ({
  need: { file: `/usr/lib/podman/${name}` },
  packages: { apt: name, dnf: name, zypper: name },
});

const CONTAINERS: readonly Tool[] = [
  program("buildah", "buildah", "buildah", "buildah"),
  program("podman", "podman", "podman", "podman"),
  program("runc", "runc", "runc", "runc"),
  program("debootstrap", "debootstrap", "debootstrap", "debootstrap"),
  program("iptables", "iptables", "iptables-nft", "iptables"),
  network("netavark"),
  network("aardvark-dns"),
];

/** Debian's Python comes without what makes environments. */
const PYTHON_ENVIRONMENTS: Tool = {
  need: { pythonModule: "ensurepip" },
  packages: { apt: "python3-venv", dnf: "python3", zypper: "python3" },
};

/** Java from 17 on. */
const LOCALSTACK: readonly Tool[] = [
  PYTHON_ENVIRONMENTS,
  program("java", "default-jre-headless", "java-21-openjdk-headless", "java-21-openjdk-headless"),
  program("mvn", "maven", "maven", "maven"),
];

/** What `infra/build-node` makes nodes of. */
const NODES: readonly Tool[] = [
  program("podman", "podman", "podman", "podman"),
  program("runc", "runc", "runc", "runc"),
  program("ip", "iproute2", "iproute", "iproute2"),
  program("busybox", "busybox-static", "busybox", "busybox-static"),
  program("pkill", "procps", "procps-ng", "procps"),
];

/** Every tool for these purposes on a machine of this kind (as `process.arch` has it). */
export function toolsFor(purposes: readonly Purpose[], arch: string): readonly Tool[] {
  const boot = BOOT[arch];
  const byPurpose: Readonly<Record<Purpose, readonly Tool[]>> = {
    build: BUILD,
    packer: PACKER,
    shell: SHELL,
    boot: boot === undefined ? [] : [boot],
    test: TEST,
    containers: CONTAINERS,
    fuzz: [PYTHON_ENVIRONMENTS],
    localstack: LOCALSTACK,
    nodes: NODES,
  };
  return purposes.flatMap((purpose) => byPurpose[purpose]);
}

export function nameOf(tool: Tool): string {
  if ("program" in tool.need) return tool.need.program;
  return "file" in tool.need ? tool.need.file : `Python's ${tool.need.pythonModule}`;
}
