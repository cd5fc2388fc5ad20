/** A package as its manager's database has it. `status` is dpkg's, such as `install ok installed`. */
export interface InstalledPackage {
  readonly name: string;
  /** With epoch and release, as the manager writes it. */
  readonly version: string;
  readonly arch: string;
  readonly status?: string;
}

export interface PackageList {
  readonly manager: "dpkg" | "rpm";
  /** By name. */
  readonly packages: readonly InstalledPackage[];
}

function byName(packages: readonly InstalledPackage[]): InstalledPackage[] {
  const keyOf = ({ name, arch, version }: InstalledPackage): string => `${name}\0${arch}\0${version}`;
  return packages.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** A stanza's fields; lines that go on from the one before are of fields that nobody asks for. */
function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of stanza.split("\n")) {
    const match = /^([A-Za-z][\w-]*):\s*(.*)$/u.exec(line);
    if (match !== null) fields.set((match[1] ?? "").toLowerCase(), (match[2] ?? "").trim());
  }
  return fields;
}

/** dpkg's `status` file. Stanzas without name or version (such as packages that are gone entirely) are left out. */
export function readDpkgStatus(text: string): PackageList {
  const packages = text.split(/\n\s*\n/u).flatMap((stanza): InstalledPackage[] => {
    const fields = fieldsOf(stanza);
    const [name, version] = [fields.get("package"), fields.get("version")];
    if (name === undefined || version === undefined) return [];
    return [{ name, version, arch: fields.get("architecture") ?? "", status: fields.get("status") ?? "" }];
  });
  return { manager: "dpkg", packages: byName(packages) };
}

/** What rpm is asked to print of each package; the mark tells it from warnings. */
export const RPM_MARK = "ims-package";
export const RPM_QUERY = `${RPM_MARK}\\t%{NAME}\\t%{EVR}\\t%{ARCH}\\n`;

/** Lines of rpm for {@link RPM_QUERY}. Keys that rpm holds as packages are none. */
export function readRpmLines(lines: readonly string[]): PackageList {
  const packages = lines.flatMap((line): InstalledPackage[] => {
    const [mark, name, version, arch] = line.split("\t");
    if (mark !== RPM_MARK || name === undefined || version === undefined || arch === undefined) return [];
    return name === "gpg-pubkey" ? [] : [{ name, version, arch }];
  });
  return { manager: "rpm", packages: byName(packages) };
}

/** The object beside an image, as JSON. */
export function packageListText({ manager, packages }: PackageList): string {
  return `${JSON.stringify({ version: "1.0", manager, packages }, undefined, 1)}\n`;
}
