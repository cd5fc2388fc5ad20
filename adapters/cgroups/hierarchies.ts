import { join } from "node:path";

/** The folder of this process's own group in one hierarchy of control groups. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly folder: string;
  /** Of version 1: what it controls, such as `memory`. Version 2 says so in its files. */
  readonly controllers: readonly string[];
}

interface Membership {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  readonly path: string;
}

/** Where this process is, from the texts of /proc/self/mountinfo and /proc/self/cgroup. */
export function ownHierarchies(mountinfo: string, cgroup: string): readonly Hierarchy[] {
  const memberships = cgroup.split("\n").flatMap(readMembership);
  return mountinfo.split("\n").flatMap((line) => {
    const mount = readMount(line);
    if (mount === undefined) return [];
    const { version, root, mountPoint, options } = mount;
    const own = memberships.find((each) => each.version === version && covers(options, each));
    if (own === undefined) return [];
    return [{ version, folder: join(mountPoint, below(own.path, root)), controllers: own.controllers }];
  });
}

function readMembership(line: string): readonly Membership[] {
  const [, number, names = "", path] = /^(\d+):([^:]*):(.+)$/u.exec(line) ?? [];
  if (path === undefined) return [];
  return number === "0"
    ? [{ version: 2, controllers: [], path }]
    : [{ version: 1, controllers: names.split(","), path }];
}

function readMount(line: string) {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "/", mountPoint = ""] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (type === "cgroup2") return { version: 2, root, mountPoint, options: [] } as const;
  return type === "cgroup"
    ? ({ version: 1, root, mountPoint, options: options.split(",") } as const)
    : undefined;
}

function covers(options: readonly string[], { version, controllers }: Membership): boolean {
  return version === 2 || controllers.some((name) => options.includes(name));
}

/** In a namespace of groups, a path may lead past what is mounted: then the mounted group is the nearest one. */
function below(path: string, root: string): string {
  if (root === "/") return path.startsWith("/..") ? "/" : path;
  if (path === root) return "/";
  return path.startsWith(`${root}/`) ? path.slice(root.length) : "/";
}
