import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { pathsOf } from "../../functions/http/endpoint.ts";

/** The 72 operations that are published for version 3, with the names of their parameters. */
const OPERATIONS: Readonly<Record<string, string>> = {
  "/healthz/live": "GET",
  "/healthz/ready": "GET",
  "/images": "DELETE GET POST",
  "/images/{image_id}": "DELETE GET PATCH",
  "/jobs": "DELETE GET POST",
  "/jobs/{job_id}": "DELETE GET PATCH",
  "/public-keys": "DELETE GET POST",
  "/public-keys/{public_key_id}": "DELETE GET",
  "/recipes": "DELETE GET POST",
  "/recipes/{recipe_id}": "DELETE GET PATCH",
  "/remote-build-nodes": "DELETE GET POST",
  "/remote-build-nodes/{remote_build_node_xname}": "DELETE GET",
  "/v3/deleted/images": "DELETE GET PATCH",
  "/v3/deleted/images/{deleted_image_id}": "DELETE GET PATCH",
  "/v3/deleted/public-keys": "DELETE GET PATCH",
  "/v3/deleted/public-keys/{deleted_public_key_id}": "DELETE GET PATCH",
  "/v3/deleted/recipes": "DELETE GET PATCH",
  "/v3/deleted/recipes/{recipe_id}": "DELETE GET PATCH",
  "/v3/images": "DELETE GET POST",
  "/v3/images/{image_id}": "DELETE GET PATCH",
  "/v3/jobs": "DELETE GET POST",
  "/v3/jobs/{job_id}": "DELETE GET PATCH",
  "/v3/public-keys": "DELETE GET POST",
  "/v3/public-keys/{public_key_id}": "DELETE GET",
  "/v3/recipes": "DELETE GET POST",
  "/v3/recipes/{recipe_id}": "DELETE GET PATCH",
  "/version": "GET",
};
const published = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
  methods.split(" ").map((method) => `${method} ${path}`),
);
const served = new Set(
  ENDPOINTS.flatMap((endpoint) =>
    pathsOf(endpoint).map((path) => `${endpoint.method.toUpperCase()} ${path}`),
  ),
);

describe("the API of record", () => {
  it("is served with all its operations, paths and parameters (behaviour 201)", () => {
    expect(published).toHaveLength(72);
    expect(published.filter((operation) => !served.has(operation))).toEqual([]);
  });

  it("is served under /v2 where it is at the root, and has the states of remote nodes (behaviour 201)", () => {
    const second = published.filter((operation) =>
      /^[A-Z]+ \/(?:images|recipes|jobs|public-keys)/u.test(operation),
    );
    expect(second).toHaveLength(23);
    expect(
      second.map((operation) => operation.replace(" /", " /v2/")).filter((name) => !served.has(name)),
    ).toEqual([]);
    expect(served).toContain("GET /v3/remote-build-nodes/status");
    expect(served).toContain("GET /v3/remote-build-nodes/status/{remote_build_node_xname}");
  });
});
