import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Buildah, succeed } from "./buildah.ts";

const SUITE = "bookworm";
export const OFFICIAL = "http://deb.debian.org/debian";
export const BASE = `localhost/ims-base:${SUITE}`;

/** What of a new Debian is no use in a container. */
const EMPTIED = ["dev", "var/cache/apt", "var/lib/apt/lists", "var/log"];
const REMOVED = ["usr/share/man", "usr/share/locale", "usr/share/info"];

/** apt's list of where packages come from; the archive of security updates lies beside a mirror, by Debian's custom. */
export function aptSources(mirror: string): string {
  const archive = mirror.replace(/\/+$/u, "");
  return `deb ${archive} ${SUITE} main
deb ${archive} ${SUITE}-updates main
deb ${archive}-security ${SUITE}-security main
`;
}

/**
 * Makes the image that others are built on, from Debian's packages, where there is no registry to take one from. An
 * image that is there already is used: remove it to have it made again.
 */
export async function makeBase(buildah: Buildah, mirror: string): Promise<string> {
  if (await isThere(buildah)) return BASE;
  const folder = await mkdtemp(path.join(tmpdir(), "ims-base-"));
  try {
    await succeed("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, folder, mirror);
    for (const name of REMOVED) await rm(path.join(folder, name), { recursive: true });
    for (const name of EMPTIED) await emptyFolder(path.join(folder, name));
    await writeFile(path.join(folder, "etc/apt/sources.list"), aptSources(OFFICIAL));
    const container = await buildah("from", "--quiet", "scratch");
    await buildah("add", "--quiet", container, folder, "/");
    await buildah(
      "config",
      "--env",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      container,
    );
    await buildah("commit", "--quiet", "--rm", container, BASE);
    return BASE;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isThere(buildah: Buildah): Promise<boolean> {
  return await buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", BASE).then(
    () => true,
    () => false,
  );
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(path.join(folder, name), { recursive: true });
}
