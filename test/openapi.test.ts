import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../functions/endpoints.ts";
import { pathsOf } from "../functions/http/endpoint.ts";
import committed from "../infra/openapi.json" with { type: "json" };
import { openApiDocument } from "../infra/openapi-document.ts";
import packageJson from "../package.json" with { type: "json" };

describe("the OpenAPI document", () => {
  it("is the one that the endpoints make: run npm run openapi after a change", () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(openApiDocument(ENDPOINTS, packageJson.version))));
  });

  it("describes every published operation and none for agents", () => {
    const described = Object.values(committed.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    const published = ENDPOINTS.filter((endpoint) => endpoint.internal !== true).flatMap((endpoint) =>
      pathsOf(endpoint).map((path, n) =>
        n === 0 ? endpoint.operation : `${endpoint.operation}_at_${path.split("/")[1]}`,
      ),
    );
    expect(new Set(described)).toEqual(new Set(published));
    expect(described).toHaveLength(published.length);
  });
});
