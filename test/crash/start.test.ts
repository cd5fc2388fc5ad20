import { describe, expect, it } from "vitest";
import { loadedPackages, ofAws, tellingPackages } from "../support/loaded-packages.ts";
import { get, post } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

describe("a service that stores locally", () => {
  it("loads nothing of the AWS SDK, nor of the client for Kubernetes", async () => {
    const service = await startService(tellingPackages);
    await post(service, "/v3/images", { name: "i" });
    expect(await get(service, "/v3/images")).toHaveLength(1);
    const loaded = loadedPackages(service.output());
    expect(loaded).toContain("valibot");
    expect(loaded.filter((name) => ofAws(name) || name.startsWith("@kubernetes/"))).toEqual([]);
  });
});
