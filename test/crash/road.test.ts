import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  agentsOf,
  archiveBytes,
  ended,
  expectImage,
  get,
  inStatus,
  nothingLeft,
  post,
  postJob,
  recipe,
} from "../support/road.ts";
import { startService } from "../support/service-process.ts";

describe("the road from recipe to image, with stand-ins for the build tools", () => {
  it("ends in an image, and nothing is left of the work", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe()));
    const job = await ended(service, id);
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    expect(job.progress.phases.map(({ status }: { status: string }) => status)).toEqual([
      "creating",
      "fetching_recipe",
      "waiting_for_repos",
      "building_image",
      "packaging_artifacts",
    ]);
    await expectImage(service, job.resultant_image_id);
    const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
    expect(log).toContain("stand-in kiwi prepares");
    expect(log).toMatch(/step build-with-kiwi took \d+\.\d+ s/u);
    await nothingLeft(service);
    expect(await service.end("SIGTERM")).toBe(0);
  });

  it("is the same for a packer recipe, whose build leaves a folder or an archive", async () => {
    const service = await startService();
    for (const behave of ["", "archive"]) {
      const archive = await archiveBytes([{ name: "a.pkr.hcl" }, { name: "behave", content: behave }]);
      const job = await ended(service, await postJob(service, archive, { recipe_type: "packer" }));
      expect(job).toMatchObject({ status: "success" });
      await expectImage(service, job.resultant_image_id);
    }
    const failing = await archiveBytes([{ name: "a.pkr.hcl" }, { name: "behave", content: "fail" }]);
    expect(await ended(service, await postJob(service, failing, { recipe_type: "packer" }))).toMatchObject({
      status: "error",
      error: {
        code: "build_failed",
        phase: "building_image",
        message: expect.stringContaining("cannot find the kernel"),
      },
    });
    await nothingLeft(service);
  });

  it("survives kill -9 of the service in the middle of the build: the agent goes on and finds it again", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("seconds 4")));
    await inStatus(service, id, "building_image");
    await service.end("SIGKILL");
    await service.start();
    const job = await ended(service, id);
    expect(job).toMatchObject({ status: "success" });
    await expectImage(service, job.resultant_image_id);
    const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
    for (const n of [0, 1, 2, 3])
      expect(log.split("\n").filter((line) => line.endsWith(`still at it: ${n}`))).toHaveLength(1);
    await nothingLeft(service);
  });

  it("survives kill -9 of the service right after the job was posted", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe()));
    await service.end("SIGKILL");
    await service.start();
    expect(await ended(service, id)).toMatchObject({ status: "success" });
    await nothingLeft(service);
  });

  it("ends in a clear error when the agent is killed with -9, whatever it had started", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("daemon")));
    await inStatus(service, id, "building_image");
    for (const pid of agentsOf(id)) process.kill(pid, "SIGKILL");
    expect(await ended(service, id)).toMatchObject({
      status: "error",
      error: { code: "agent_lost", phase: "building_image" },
    });
    await nothingLeft(service);
    expect(await get(service, "/v3/images")).toEqual([]);
  });

  it("ends in a clear error when agent and service are killed together", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("daemon")));
    await inStatus(service, id, "building_image");
    await service.end("SIGKILL");
    for (const pid of agentsOf(id)) process.kill(pid, "SIGKILL");
    await service.start();
    expect(await ended(service, id)).toMatchObject({ status: "error", error: { code: "agent_lost" } });
    await nothingLeft(service);
  });

  it("ends at once when the job is cancelled or deleted, with everything the build started", async () => {
    const service = await startService();
    const archive = await archiveBytes(recipe("daemon"));
    const [cancelled, deleted] = [await postJob(service, archive), await postJob(service, archive)];
    await inStatus(service, cancelled, "building_image");
    await inStatus(service, deleted, "building_image");
    expect(await post(service, `/v3/jobs/${cancelled}/cancel`)).toMatchObject({
      status: "error",
      error: { code: "cancelled" },
    });
    expect((await service.fetch(`/v3/jobs/${deleted}`, { method: "DELETE" })).status).toBe(204);
    await nothingLeft(service);
  });

  it("says what the build tool said when it failed", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("fail")));
    const { error } = await ended(service, id);
    expect(error).toMatchObject({
      code: "build_failed",
      phase: "building_image",
      exit_code: 3,
      hint: expect.any(String),
    });
    expect(error.log_tail.join("\n")).toContain("told to fail");
    await nothingLeft(service);
  });

  it("says that the build tool is missing", async () => {
    const service = await startService({ IMS_KIWI: "/nowhere/kiwi-ng" });
    const id = await postJob(service, await archiveBytes(recipe()));
    expect((await ended(service, id)).error).toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("kiwi"),
    });
  });

  it("refuses archives that are none or that reach outside, each with its reason", async () => {
    const service = await startService({ IMS_MAX_RECIPE_BYTES: "100000", IMS_MAX_JOBS: "4" });
    const evil: [string, Uint8Array<ArrayBuffer>][] = [
      ["not gzip", Buffer.from("this is no archive")],
      ["outside", await archiveBytes([...recipe(), { name: "../../evil", content: "x" }])],
      ["absolute", await archiveBytes([...recipe(), { name: "/tmp/evil", content: "x" }])],
      [
        "through a link",
        await archiveBytes([
          ...recipe(),
          { name: "out", type: "symlink", linkname: "/tmp" },
          { name: "out/evil", content: "x" },
        ]),
      ],
      [
        "device",
        await archiveBytes([
          ...recipe(),
          { name: "dev", type: "character-device", devmajor: 1, devminor: 3 },
        ]),
      ],
      ["too large", await archiveBytes([...recipe(), { name: "large", content: Buffer.alloc(200_000) }])],
      ["no description", await archiveBytes([{ name: "readme", content: "x" }])],
    ];
    for (const [why, archive] of evil) {
      const id = await postJob(service, archive);
      const job = await ended(service, id);
      expect({ why, ...job.error }).toMatchObject({ why, code: "recipe_invalid" });
    }
    await nothingLeft(service);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "says that the disk is full, and goes on when it no longer is",
    async () => {
      const service = await startService();
      const work = path.join(service.data, "work");
      mkdirSync(work, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=128m,mode=700", "none", work]);
      const unmount = () => execFileSync("umount", ["--lazy", work]);
      let mounted = true;
      onTestFinished(() => {
        if (mounted) unmount();
      });
      const full = await ended(service, await postJob(service, await archiveBytes(recipe("fill"))));
      expect(full).toMatchObject({ status: "error", error: { code: "disk_full", phase: "building_image" } });
      const next = await ended(service, await postJob(service, await archiveBytes(recipe())));
      expect(next).toMatchObject({ status: "success" });
      await service.end("SIGTERM");
      unmount();
      mounted = false;
    },
  );
});
