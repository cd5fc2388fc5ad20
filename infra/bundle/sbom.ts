import type { BundledPackage } from "./packages.ts";

/** A Debian package. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
}

export interface Ingredients {
  /** What it is all part of. */
  readonly name: string;
  readonly version: string;
  readonly packages: readonly BundledPackage[];
  /** Version of Node that is in it, if it is. */
  readonly node?: string;
  readonly debian?: readonly DebianPackage[];
}

/**
 * The bill of materials in CycloneDX's JSON. It says nothing that changes from one run to the next: neither a time nor
 * a serial number.
 */
export function sbomOf({ name, version, packages, node, debian = [] }: Ingredients): string {
  const components = [
    ...packages.map(npmComponent),
    ...(node === undefined ? [] : [nodeComponent(node)]),
    ...debian.map(debianComponent),
  ];
  const component = { type: "application", name, version, "bom-ref": name, licenses: licence("Apache-2.0") };
  const sbom = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component },
    components,
  };
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

const licence = (expression: string) =>
  /[ ()]/u.test(expression) ? [{ expression }] : [{ license: { id: expression } }];

function npmComponent({ name, version, licence: licensed }: BundledPackage) {
  const purl = `pkg:npm/${name.replace(/^@/u, "%40")}@${version}`;
  return { type: "library", name, version, "bom-ref": purl, purl, licenses: licence(licensed) };
}

function nodeComponent(version: string) {
  const purl = `pkg:generic/node@${version}`;
  return { type: "framework", name: "node", version, "bom-ref": purl, purl, licenses: licence("MIT") };
}

function debianComponent({ name, version, arch }: DebianPackage) {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}`;
  return { type: "library", name, version, "bom-ref": purl, purl };
}
