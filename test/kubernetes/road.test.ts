import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { packRecipe } from "../../functions/cli/demo/recipe-archive.ts";
import { scratchFolder } from "../support/archives.ts";
import { nothingInNamespace, packageRelay, startKubernetesService } from "../support/kubernetes-service.ts";
import { archiveBytes, get, inStatusWithin, post, postJob, recipe } from "../support/road.ts";
import { loggedIn, logOf, shellJob } from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";

const home = join(import.meta.dirname, "../..");
const LIMIT_MS = 25 * 60_000;

it(
  "builds an image of packages in a pod, lets it be changed by ssh through a Service, and it boots",
  async () => {
    const mirror = await packageRelay();
    const service = await startKubernetesService();
    const succeeded = async (id: string) => {
      const job = await inStatusWithin(1200, service, id, "success", "error");
      expect([job.status, job.error, job.status === "error" ? await logOf(service, id) : ""]).toEqual([
        "success",
        undefined,
        "",
      ]);
      return job;
    };

    const created = await succeeded(
      await postJob(service, new Uint8Array(await packRecipe(join(home, "infra/recipes/debian-minimal"))), {
        template_dictionary: [{ key: "DEBIAN_MIRROR", value: mirror }],
      }),
    );
    expect(created.progress.phases.map(({ status }: { status: string }) => status)).toEqual([
      "creating",
      "fetching_recipe",
      "waiting_for_repos",
      "building_image",
      "packaging_artifacts",
    ]);
    await nothingInNamespace(service);

    const client = await sshClient();
    const request = {
      artifact_id: created.resultant_image_id,
      ssh_containers: [{ name: "session", jail: true }],
    };
    const { id } = await shellJob(service, request, client.publicKey);
    const opened = await inStatusWithin(300, service, id, "waiting_on_user", "error", "success");
    const { customer_access, "cluster.local": cluster } = opened.ssh_containers[0].connection_info;
    expect(cluster).toEqual({
      host: `cray-ims-${id}-service.${service.namespace.name}.svc.cluster.local`,
      port: 22,
    });
    const { sh } = client.at(customer_access);
    expect(await sh("cat /etc/hostname; echo $IMS_JOB_ID")).toMatchObject({
      code: 0,
      out: expect.stringContaining(id),
    });
    await sh("echo changed-in-a-pod > /etc/hostname; touch /tmp/complete");
    const { resultant_image_id } = await succeeded(id);
    await nothingInNamespace(service);

    const folder = await scratchFolder();
    const files: string[] = [];
    for (const name of ["rootfs", "kernel", "initrd"]) {
      const answer = await service.fetch(`/v3/images/${resultant_image_id}/artifacts/${name}`);
      await writeFile(join(folder, name), new Uint8Array(await answer.arrayBuffer()));
      files.push(`--${name}`, join(folder, name));
    }
    const log = join(folder, "boot.log");
    const greeting = ["--greeting", "IMS-BOOT-OK changed-in-a-pod"];
    const boot = [join(home, "infra/boot/boot.ts"), ...files, "--log", log, "--limit", "600", ...greeting];
    const { stdout } = await promisify(execFile)(process.execPath, boot, { maxBuffer: 2 ** 26 });
    expect(stdout).toContain("changed-in-a-pod");
  },
  LIMIT_MS,
);

it("opens a shell on what a failed build left, and ends as the build did", async () => {
  const service = await startKubernetesService({ standIns: true });
  const client = await sshClient();
  const key = await post(service, "/v3/public-keys", { name: "k", public_key: client.publicKey });
  const id = await postJob(
    service,
    await archiveBytes(recipe("fail")),
    {},
    {
      enable_debug: true,
      public_key_id: key.id,
    },
  );
  const { job } = await loggedIn(service, id, client, 120);
  const { sh } = client.at(job.ssh_containers[0].connection_info.customer_access);
  expect((await sh("ls -d /mnt/image/image-root")).code).toBe(0);
  await sh("touch /mnt/image/complete");
  const ended = await inStatusWithin(60, service, id, "success", "error");
  expect(ended).toMatchObject({ status: "error", error: { code: "build_failed" } });
  expect((await get(service, `/v3/jobs/${id}`)).status).toBe("error");
  await nothingInNamespace(service);
});
