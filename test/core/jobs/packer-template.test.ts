import { describe, expect, it } from "vitest";
import { choosePackerTemplate, judgeOutput, packerVariables } from "../../../core/jobs/packer-template.ts";

describe("which file of a recipe is the packer template", () => {
  it.each([
    [["image.pkr.hcl", "make.sh"], { kind: "hcl", files: ["image.pkr.hcl"] }],
    [
      ["b.pkr.hcl", "a.pkr.json", "values.auto.pkrvars.hcl"],
      { kind: "hcl", files: ["a.pkr.json", "b.pkr.hcl"] },
    ],
    [["packages.json", "image.pkr.hcl"], { kind: "hcl", files: ["image.pkr.hcl"] }],
    [["anything.json", "x.pkrvars.json", ".hidden.json"], { kind: "json", files: ["anything.json"] }],
    [["packages.json", "packer.json"], { kind: "json", files: ["packer.json"] }],
    [["template.json", "packages.json"], { kind: "json", files: ["template.json"] }],
  ])("takes of %j", (names, template) => {
    expect(choosePackerTemplate(names)).toEqual({ template });
  });

  it("is told in words when there is none or it cannot be known", () => {
    expect(choosePackerTemplate(["config.xml", "image.hcl"])).toMatchObject({
      problem: expect.stringContaining("no packer template"),
    });
    for (const names of [
      ["a.json", "b.json"],
      ["packer.json", "template.json"],
    ])
      expect(choosePackerTemplate(names)).toMatchObject({
        problem: expect.stringContaining(names.join(", ")),
      });
  });
});

describe("the variables of a packer build", () => {
  it("are the template dictionary's and the service's own, which win; what is no name is left out", () => {
    const dictionary = { HOSTNAME: "a", "with-dash": "b", "no name": "c", "1st": "d", ims_output: "/etc" };
    expect(packerVariables(dictionary, { ims_output: "/job/output" })).toEqual({
      HOSTNAME: "a",
      "with-dash": "b",
      ims_output: "/job/output",
    });
  });
});

describe("what a packer build has left", () => {
  const file = (name: string) => ({ name, kind: "file" }) as const;
  const folder = (name: string) => ({ name, kind: "folder" }) as const;

  it.each([
    [[folder("image-root"), file("manifest.json")], { kind: "folder" }],
    [[file("rootfs.tar")], { kind: "archive", name: "rootfs.tar", compression: "none" }],
    [[file("rootfs.tar.gz")], { kind: "archive", name: "rootfs.tar.gz", compression: "gzip" }],
    [[file("rootfs.tar.xz")], { kind: "archive", name: "rootfs.tar.xz", compression: "xz" }],
    [[file("rootfs.tar.zst")], { kind: "archive", name: "rootfs.tar.zst", compression: "zstd" }],
  ])("is a root in %j", (entries, output) => {
    expect(judgeOutput(entries)).toEqual(output);
  });

  it.each([
    [[], "is empty"],
    [
      [file("image-root"), folder("rootfs.tar"), file("disk.qcow2")],
      "has disk.qcow2, image-root, rootfs.tar",
    ],
    [[folder("image-root"), file("rootfs.tar")], "more than one"],
    [[{ name: "image-root", kind: "other" } as const], "no root file system"],
  ])("is none in %j", (entries, words) => {
    expect(judgeOutput(entries)).toMatchObject({ kind: "none", problem: expect.stringContaining(words) });
  });
});
