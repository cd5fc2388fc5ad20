import { describe, expect, it } from "vitest";
import { loadedPackages, ofAws, tellingPackages } from "../support/loaded-packages.ts";
import { get, post } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

describe("a service that stores locally", () => {
  it("loads nothing of the AWS SDK, nor of the clients for Kubernetes and SSH", async () => {
    const service = await startService(tellingPackages);
    await post(service, "/v3/images", { name: "i" });
    expect(await get(service, "/v3/images")).toHaveLength(1);
    const loaded = loadedPackages(service.output());
    expect(loaded).toContain("valibot");
    const remote = (name: string) => ofAws(name) || name.startsWith("@kubernetes/") || name === "ssh2";
    expect(loaded.filter(remote)).toEqual([]);
  });
});

describe("a service with jobs on remote build nodes", () => {
  it("loads the client for SSH, and nothing for Kubernetes", async () => {
    const service = await startService({
      ...tellingPackages,
      IMS_JOBS: "ssh",
      IMS_SSH_KEY_FILE: "/nowhere/nodes.key",
    });
    const loaded = loadedPackages(service.output());
    expect(loaded).toContain("ssh2");
    expect(loaded.filter((name) => name.startsWith("@kubernetes/"))).toEqual([]);
  });
});
