import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../functions/endpoints.ts";
import { pathsOf } from "../functions/http/endpoint.ts";
import committed from "../infra/openapi.json" with { type: "json" };
import { openApiDocument, published } from "../infra/openapi-document.ts";
import packageJson from "../package.json" with { type: "json" };

const Operations = v.record(
  v.string(),
  v.record(
    v.string(),
    v.object({
      operationId: v.string(),
      responses: v.record(v.string(), v.object({ $ref: v.optional(v.string()) })),
    }),
  ),
);

describe("the OpenAPI document", () => {
  it("is the one that the endpoints make: run npm run openapi after a change", () => {
    expect(committed).toEqual(
      JSON.parse(JSON.stringify(openApiDocument(published(ENDPOINTS), packageJson.version))),
    );
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

  it("gives every operation an id of its own, and its errors as problem documents", () => {
    const operations = Object.values(v.parse(Operations, committed.paths)).flatMap((methods) =>
      Object.values(methods),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
    for (const { operationId, responses } of operations) {
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400);
      const problems = errors.filter(([, { $ref }]) => $ref?.startsWith("#/components/responses/"));
      expect([operationId, problems]).toEqual([operationId, errors]);
      expect([operationId, Object.keys(responses)]).toEqual([
        operationId,
        expect.arrayContaining(["500", "503"]),
      ]);
    }
    for (const [name, { content }] of Object.entries(committed.components.responses))
      expect([name, Object.keys(content)]).toEqual([name, ["application/problem+json"]]);
  });
});
