import { describe, expect, it } from "vitest";
import { newJob, type JobFacts, type JobRequest } from "../../../core/jobs/new-job.ts";
import { createPlan, unsupported } from "../../../core/jobs/make-plan.ts";
import { aJob } from "../../support/jobs.ts";
import { testSettings } from "../../support/settings.ts";

const request: JobRequest = {
  job_type: "create",
  artifact_id: "a",
  public_key_id: "k",
  image_root_archive_name: "n",
};
const facts: JobFacts = {
  id: "job",
  planned_image_id: "image",
  now: 0,
  arch: "x86_64",
  public_key: "key",
  source: { link: { type: "s3", path: "s3://ims/r", etag: "" }, recipe_type: "kiwi-ng" },
};
const make = (r: Partial<JobRequest> = {}, f: Partial<JobFacts> = {}) =>
  newJob({ ...request, ...r }, { ...facts, ...f }, testSettings().jobs);

describe("a new job", () => {
  it("has every default of the original (behaviour 148, 151, 152, 153, 158, 159)", () => {
    expect(make()).toMatchObject({
      status: "creating",
      resultant_image_id: null,
      kernel_file_name: "vmlinuz",
      initrd_file_name: "initrd",
      kernel_parameters_file_name: "kernel-parameters",
      build_env_size: 60,
      job_mem_size: 8,
      enable_debug: false,
      require_dkms: true,
      ssh_containers: null,
      kubernetes_job: "cray-ims-job-create",
      kubernetes_service: "cray-ims-job-service",
      kubernetes_configmap: "cray-ims-job-configmap",
      kubernetes_pvc: "cray-ims-job-job-claim",
      kubernetes_secret: null,
      kubernetes_namespace: "ims",
      remote_build_node: "",
    });
  });

  it("names the Secret of its signing keys where the site has some (behaviour 159)", () => {
    const { jobs } = testSettings();
    const signing = { ...jobs, defaults: { ...jobs.defaults, signingKeys: true } };
    expect(newJob(request, facts, signing).kubernetes_secret).toBe("cray-ims-job-signing-keys");
  });

  it("names the kernel after the architecture unless a name is given (behaviour 150)", () => {
    expect(make({}, { arch: "aarch64" }).kernel_file_name).toBe("Image");
    expect(make({ kernel_file_name: "" }).kernel_file_name).toBe("vmlinuz");
    expect(make({ kernel_file_name: "bzImage" }, { arch: "aarch64" }).kernel_file_name).toBe("bzImage");
  });

  it.each([
    [
      "always on aarch64",
      { require_dkms: false },
      { arch: "aarch64" as const, recipe_require_dkms: false },
      true,
    ],
    ["what was asked", { require_dkms: false }, { recipe_require_dkms: true }, false],
    ["the recipe's word", {}, { recipe_require_dkms: false }, false],
    ["the service's default", {}, {}, true],
  ])("takes for require_dkms %s (behaviour 157)", (_, r, f, expected) => {
    expect(make(r, f).require_dkms).toBe(expected);
  });

  it("has a debug shell when it is to be debugged, and otherwise the list it was sent (behaviour 154)", () => {
    expect(make({ enable_debug: true }).ssh_containers).toMatchObject([{ name: "debug", jail: false }]);
    expect(make({ ssh_containers: [] }).ssh_containers).toEqual([]);
    expect(make({ ssh_containers: null }).ssh_containers).toBeNull();
  });

  it("has one shell to customize in, named as asked, not jailed unless asked (behaviour 154, 155, 156)", () => {
    const customize = { job_type: "customize", enable_debug: true } as const;
    expect(make({ ...customize }).ssh_containers).toMatchObject([{ name: "customize", jail: false }]);
    expect(make({ ...customize, ssh_containers: [{ name: "cfs", jail: true }] }).ssh_containers).toEqual([
      {
        name: "cfs",
        jail: true,
        status: "pending",
        connection_info: {
          customer_access: { host: "job.ims.cmn.shasta.local", port: 22 },
          "cluster.local": { host: "cray-ims-job-service.ims.svc.cluster.local", port: 22 },
        },
      },
    ]);
  });
});

describe("a job's plan", () => {
  const download = { url: "http://127.0.0.1/x", size: 1 };

  it("goes through the phases of a create job in order", () => {
    const { steps } = createPlan(aJob(), 1, download, testSettings());
    expect([...new Set(steps.map((step) => step.status))]).toEqual([
      "fetching_recipe",
      "waiting_for_repos",
      "building_image",
      "packaging_artifacts",
    ]);
    expect(steps.map((step) => step.do)).toEqual([
      "fetch-recipe",
      "unpack-recipe",
      "render-templates",
      "await-repositories",
      "build-with-kiwi",
      "collect-boot-files",
      "list-packages",
      "pack-rootfs",
      "upload",
    ]);
  });

  it("builds a packer recipe with packer, which has no repositories to wait for", () => {
    const source = { ...aJob().source, recipe_type: "packer" as const };
    const job = aJob({ source, build_env_size: 2, image_root_archive_name: "mine" });
    const { steps } = createPlan(job, 1, download, testSettings());
    expect(steps.map((step) => step.do)).toEqual([
      "fetch-recipe",
      "unpack-recipe",
      "render-templates",
      "build-with-packer",
      "collect-boot-files",
      "list-packages",
      "pack-rootfs",
      "upload",
    ]);
    expect(steps[1]).toMatchObject({ recipe_type: "packer" });
    expect(steps[3]).toMatchObject({ image_name: "mine", max_bytes: 2 ** 31 });
    expect(unsupported(job, testSettings())).toBeUndefined();
  });

  it("takes the last of several values for one template variable (behaviour 162)", () => {
    const source = {
      ...aJob().source,
      template_dictionary: [
        { key: "A", value: "1" },
        { key: "A", value: "2" },
      ],
    };
    const { steps } = createPlan(aJob({ source }), 1, download, testSettings());
    expect(steps.find((step) => step.do === "render-templates")).toMatchObject({ variables: { A: "2" } });
  });

  it.each([
    ["another architecture", aJob({ arch: "aarch64" })],
    ["an image of another architecture", aJob({ job_type: "customize", arch: "aarch64" })],
  ])("is refused with a reason for %s", (_, job) => {
    expect(unsupported(job, testSettings())).toMatchObject({ code: "not_supported" });
  });

  it("is made for a kiwi-ng recipe of this machine's architecture", () => {
    expect(unsupported(aJob(), testSettings())).toBeUndefined();
  });
});
