import { describe, expect, it } from "vitest";
import { isDomainError } from "../../../core/errors.ts";
import { readDescription } from "../../../adapters/build/description.ts";

const read = (body: string, arch = "x86_64") => readDescription(`<image>${body}</image>`, "config.xml", arch);
const repository = (attributes: string, path: string) =>
  `<repository ${attributes}><source path="${path}"/></repository>`;
const manager = (name: string) =>
  `<preferences><packagemanager>${name}</packagemanager><type image="tbz"/></preferences>`;
const RPM = ["http://host/r/repodata/repomd.xml"];
const FLAT = ["InRelease", "Release", "Packages.gz", "Packages"].map((name) => `http://host/r/${name}`);

describe("the repositories of a description", () => {
  it("are of the rpm kind by type or package manager", () => {
    expect(read(repository('type="rpm-md"', "http://host/r/")).remote).toEqual([
      { label: "http://host/r/", probes: RPM },
    ]);
    for (const name of ["zypper", "dnf", "dnf4", "dnf5", "microdnf"])
      expect(read(manager(name) + repository("", "http://host/r")).remote[0]?.probes).toEqual(RPM);
  });

  it("are of the Debian kind by type, distribution or package manager", () => {
    const suite = ["http://host/r/dists/bookworm/InRelease", "http://host/r/dists/bookworm/Release"];
    const probes = (attributes: string, rest = "") =>
      read(rest + repository(attributes, "http://host/r")).remote[0]?.probes;
    expect(probes('distribution="bookworm" components="main"')).toEqual([...suite, ...FLAT]);
    expect(probes('type="apt-deb"')).toEqual(FLAT);
    expect(probes("", manager("apt"))).toEqual(FLAT);
  });

  it("are asked for both kinds when nothing tells which they are", () => {
    expect(read(repository("", "https://host/r")).remote[0]?.probes).toHaveLength(5);
  });

  it("that name a list of mirrors are asked for just that", () => {
    const list = "https://host/list?repo=a&amp;arch=b";
    expect(read(repository('sourcetype="metalink"', list)).remote[0]?.probes).toEqual([
      "https://host/list?repo=a&arch=b",
    ]);
  });

  it("keep a query for asking and show neither it nor credentials", () => {
    const [one] = read(repository('type="rpm-md"', "https://me:secret@host/r?token=secret")).remote;
    expect(one?.probes).toEqual(["https://me:secret@host/r/repodata/repomd.xml?token=secret"]);
    expect(one?.label).toBe("https://host/r");
  });

  it("are left to kiwi when they are not http or hold what only a package manager knows", () => {
    const { remote, unasked } = read(
      manager("zypper") +
        repository("", "obs://Virtualization:Appliances/openSUSE") +
        repository("", "dir:///srv/secret") +
        repository("", "{{MIRROR}}") +
        repository("", "http://host/$releasever/$basearch") +
        repository('type="pacman"', "http://host/arch"),
    );
    expect(remote).toEqual([]);
    expect(unasked).toEqual([
      "obs:... is left to kiwi",
      "dir:... is left to kiwi",
      '"{{MIRROR}}" is left to kiwi',
      "http://host/$releasever/$basearch has variables that only the package manager knows",
      "http://host/arch is of a kind that only kiwi can ask",
    ]);
    expect(read(manager("pacman") + repository("", "http://host/r"))).toMatchObject({
      remote: [],
      unasked: ["http://host/r is of a kind that only kiwi can ask"],
    });
  });

  it("of other architectures do not count", () => {
    const both =
      repository('arch="aarch64"', "http://host/a") + repository('arch="x86_64,ppc64le"', "http://host/b");
    expect(read(both).remote.map(({ label }) => label)).toEqual(["http://host/b"]);
    expect(read(both, "aarch64").remote.map(({ label }) => label)).toEqual(["http://host/a"]);
  });

  it("may be none", () => {
    expect(read(manager("apt"))).toEqual({ remote: [], unasked: [], imageTypes: ["tbz"] });
    expect(readDescription("<image/>", "config.xml", "x86_64").remote).toEqual([]);
  });

  it("stand in several elements, some of them with several sources", () => {
    const two = "<repository><source path='http://host/1'/><source path='http://host/2'/></repository>";
    expect(read(two + repository("", "http://host/3")).remote).toHaveLength(3);
  });
});

describe("a description that is none", () => {
  const reading = (xml: string) => () => readDescription(xml, "config.xml", "x86_64");
  const refusal = (message: RegExp): unknown =>
    expect.objectContaining({ code: "invalid", message: expect.stringMatching(message) });

  it("is refused with the line at which it breaks", () => {
    expect(reading("<image>\n<preferences>\n</image>")).toThrow(refusal(/line 3/u));
    expect(reading("")).toThrow(refusal(/config\.xml/u));
  });

  it("is refused when it is no image", () => {
    expect(reading("<other/>")).toThrow(refusal(/no image element/u));
  });

  it("is refused when a repository's URL cannot be read, without showing it", () => {
    const xml = `<image>${repository("", "http://user:secret@ho st:99999/")}</image>`;
    expect(reading(xml)).toThrow(refusal(/^[^:]*no URL\.$/u));
  });

  it("cannot make us expand entities without end, nor read files", () => {
    const entities = Array.from({ length: 20 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(20)}">`);
    const source = (entity: string): string =>
      `<image><repository><source path="http://h/${entity}"/></repository></image>`;
    const bomb = `<!DOCTYPE image [<!ENTITY e0 "xxxxxxxxxx">${entities.join("")}]>${source("&e20;")}`;
    expect(JSON.stringify(outcome(reading(bomb))).length).toBeLessThan(10_000);
    const file = `<!DOCTYPE image [<!ENTITY f SYSTEM "/etc/passwd">]>${source("&f;")}`;
    expect(JSON.stringify(outcome(reading(file)))).not.toContain("root:");
  });
});

function outcome(reading: () => unknown): unknown {
  try {
    return reading();
  } catch (error) {
    if (!isDomainError(error, "invalid")) throw error;
    return error.message;
  }
}
