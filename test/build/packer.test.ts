import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ArchiveEntry } from "../support/archives.ts";
import { archiveBytes, ended, get, nothingLeft, post, postJob } from "../support/road.ts";
import { type ServiceProcess, startService, until } from "../support/service-process.ts";

const sample = join(import.meta.dirname, "../../infra/recipes/packer-tree");

async function sampleEntries(): Promise<ArchiveEntry[]> {
  const names = await readdir(sample);
  return await Promise.all(
    names.map(async (name) => ({
      name,
      mode: (await stat(join(sample, name))).mode & 0o777,
      content: await readFile(join(sample, name)),
    })),
  );
}

const started = () => startService({ IMS_PACKER: "/usr/bin/packer", IMS_MKSQUASHFS: "/usr/bin/mksquashfs" });

/** One script as the whole build. */
const script = (...lines: readonly string[]): ArchiveEntry[] => [
  {
    name: "image.pkr.hcl",
    content: `
variable "ims_output" { type = string }
variable "GREETING" {
  type = string
  default = "none"
}
source "null" "root" { communicator = "none" }
build {
  sources = ["source.null.root"]
  provisioner "shell-local" {
    environment_vars = ["GREETING=\${var.GREETING}"]
    script = "make.sh"
  }
}`.replaceAll('variable "ims_output" { type = string }', 'variable "ims_output" {\n  type = string\n}'),
  },
  { name: "make.sh", mode: 0o755, content: ["#!/bin/sh", "set -eu", ...lines].join("\n") },
];

async function jobOf(
  service: ServiceProcess,
  entries: readonly ArchiveEntry[],
  dictionary: readonly object[] = [],
) {
  const id = await postJob(service, await archiveBytes(entries), {
    recipe_type: "packer",
    template_dictionary: dictionary,
  });
  const job = await ended(service, id);
  const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
  return { id, job, log };
}

async function text(service: ServiceProcess, image: string, name: string): Promise<string> {
  return await (await service.fetch(`/v3/images/${image}/artifacts/${name}`)).text();
}

describe("a packer recipe, built by packer itself", () => {
  it("becomes an image, two of them at once too, and leaves nothing behind", async () => {
    const service = await started();
    const entries = await sampleEntries();
    const jobs = await Promise.all([jobOf(service, entries), jobOf(service, entries)]);
    for (const { job, log } of jobs) {
      expect(job).toMatchObject({ status: "success" });
      expect(job.progress.phases.map(({ status }: { status: string }) => status)).toEqual([
        "creating",
        "fetching_recipe",
        "building_image",
        "packaging_artifacts",
      ]);
      expect(await text(service, job.resultant_image_id, "kernel")).toBe("kernel\n");
      expect(await text(service, job.resultant_image_id, "boot_parameters")).toBe("console=ttyS0\n");
      expect(log).toContain("Building with packer 1.");
      const image = await get(service, `/v3/images/${job.resultant_image_id}`);
      expect(image.provenance).toMatchObject({
        recipe: { recipe_type: "packer" },
        builder: { name: "packer", version: expect.stringMatching(/^1\./u) },
      });
    }
    expect(await get(service, "/v3/images")).toHaveLength(2);
    await nothingLeft(service);
  });

  it.each([
    ["xz", "-cJf"],
    ["zst", "--zstd -cf"],
  ])(
    "gets its template rendered and its dictionary as variables, and may leave rootfs.tar.%s",
    async (suffix, options) => {
      const service = await started();
      const entries = [
        ...script(
          'mkdir -p r/boot; echo k > r/boot/vmlinuz; echo "{{ GREETING }} $GREETING" > r/boot/initrd',
          `tar -C r ${options} "$IMS_OUTPUT/rootfs.tar.${suffix}" .`,
        ),
        { name: ".ims_recipe_template.yaml", content: "template_files: [make.sh]" },
      ];
      const { job } = await jobOf(service, entries, [{ key: "GREETING", value: "ahoy" }]);
      expect(job).toMatchObject({ status: "success" });
      expect(await text(service, job.resultant_image_id, "initrd")).toBe("ahoy ahoy\n");
    },
  );

  it.each([
    [
      "a script that fails",
      script("echo the kernel is nowhere >&2; exit 3"),
      { code: "build_failed", exit_code: 1, message: expect.stringContaining("the kernel is nowhere") },
    ],
    [
      "a variable without value",
      [
        {
          name: "a.pkr.hcl",
          content:
            'variable "must" {\n  type = string\n}\nsource "null" "r" {\n  communicator = "none"\n}\nbuild {\n  sources = ["source.null.r"]\n}',
        },
      ],
      { code: "recipe_invalid", hint: expect.stringContaining("variable must has no value") },
    ],
    [
      "a builder that this packer does not have",
      [{ name: "a.json", content: '{"builders": [{"type": "nosuch"}]}' }],
      { code: "build_tool_missing", hint: expect.stringContaining("nosuch") },
    ],
    [
      "nothing that was left",
      [{ name: "a.json", content: '{"builders": [{"type": "null", "communicator": "none"}]}' }],
      { code: "build_failed", hint: expect.stringContaining("ims_output") },
    ],
  ])("ends with a reason for %s", async (_, entries, error) => {
    const service = await started();
    const { job } = await jobOf(service, entries);
    expect(job).toMatchObject({ status: "error", error: { phase: "building_image", ...error } });
    await nothingLeft(service);
  });

  it("ends with everything that its scripts started when the job is cancelled", async () => {
    const service = await started();
    const archive = await archiveBytes(
      script("setsid sh -c 'trap \"\" TERM HUP; sleep 600' >/dev/null 2>&1 &", "echo at it", "sleep 600"),
    );
    const id = await postJob(service, archive, { recipe_type: "packer" });
    await until("the script runs", async () => {
      const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
      return log.includes("at it") ? log : undefined;
    });
    expect(await post(service, `/v3/jobs/${id}/cancel`)).toMatchObject({ error: { code: "cancelled" } });
    await nothingLeft(service);
  });

  it("works below a folder whose name is longer than packer's sockets may be", async () => {
    const long = join((await started()).data, "d".repeat(90));
    const service = await startService({
      IMS_PACKER: "/usr/bin/packer",
      IMS_MKSQUASHFS: "/usr/bin/mksquashfs",
      IMS_DATA: long,
    });
    const { job } = await jobOf(service, await sampleEntries());
    expect(job).toMatchObject({ status: "success" });
  });
});
