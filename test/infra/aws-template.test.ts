import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { pathsOf } from "../../functions/http/endpoint.ts";
import { functionTargets } from "../../infra/bundle/functions.ts";
import { paths } from "../../infra/aws/api.ts";
import { logicalName } from "../../infra/aws/functions.ts";
import { nameOfRights, rightsOf, statementsOf } from "../../infra/aws/policies.ts";
import { awsTemplate } from "../../infra/aws/template.ts";
import type { Json } from "../support/json.ts";

/** CloudFormation's own limits. */
const MOST_RESOURCES = 500;
const MOST_BYTES = 1_000_000;

const template: Json = awsTemplate(ENDPOINTS);
const resources: Record<string, Json> = template.Resources;
const ofType = (type: string) =>
  Object.entries(resources).flatMap(([name, resource]) => (resource.Type === type ? [[name, resource]] : []));

describe("the AWS template", () => {
  it("is one that CloudFormation takes by its size", () => {
    expect(Object.keys(resources).length).toBeLessThan(MOST_RESOURCES);
    expect(JSON.stringify(template).length).toBeLessThan(MOST_BYTES);
  });

  it("has each endpoint as a function exactly once, of a bundle that is built", async () => {
    const bundles = (await functionTargets()).flatMap(({ entries }) => Object.keys(entries));
    const handlers = ofType("AWS::Lambda::Function").map(([, { Properties }]) => Properties.Handler);
    for (const { operation } of ENDPOINTS) {
      expect(handlers.filter((handler) => handler === `${operation}.handler`)).toHaveLength(1);
      expect(resources[logicalName(operation)].Properties.Handler).toBe(`${operation}.handler`);
    }
    expect(handlers.map((handler: string) => handler.replace(/\..*/u, "")).sort()).toEqual(
      expect.arrayContaining(bundles.filter((name) => name !== "all").sort()),
    );
    const streamed = ENDPOINTS.filter(({ answersEvents }) => answersEvents !== undefined);
    // One that streams each; beside those, where no route leads and what schedules start.
    expect(handlers).toHaveLength(ENDPOINTS.length + streamed.length + 3);
  });

  it("routes each method of each path to its function", () => {
    const routes = paths(ENDPOINTS);
    for (const endpoint of ENDPOINTS)
      for (const path of pathsOf(endpoint)) {
        const route: Json = routes[path.replace(/\{(\w+)\*\}$/u, "{$1+}")]?.[endpoint.method];
        expect(route["x-amazon-apigateway-integration"].uri).toEqual({
          "Fn::GetAtt": [logicalName(endpoint.operation), "Arn"],
        });
      }
    const known = ENDPOINTS.flatMap((endpoint) => pathsOf(endpoint).map(() => endpoint.method));
    const routed = Object.values(routes).flatMap((methods) =>
      Object.keys(methods).filter((method) => method !== "head"),
    );
    expect(routed).toHaveLength(known.length + 1);
  });

  it("gives each function what its endpoint says it uses, and no more", () => {
    for (const { operation, uses, role } of ENDPOINTS) {
      const rights = rightsOf(uses, role);
      const name = resources[logicalName(operation)].Properties.Role["Fn::GetAtt"][0];
      expect(name).toBe(`Role${nameOfRights(rights)}`);
    }
    const actions = (uses: object, role: "anyone" | "reader") =>
      statementsOf(rightsOf(uses, role)).flatMap(({ Action }: Json) => Action);
    expect(actions({}, "anyone")).toEqual(["ssm:GetParameter"]);
    expect(actions({ records: "read" }, "reader")).toEqual([
      "ssm:GetParameter",
      "dynamodb:GetItem",
      "dynamodb:Query",
    ]);
    expect(actions({ objects: "read" }, "anyone").filter((action) => /Put|Delete/u.test(action))).toEqual([]);
    expect(JSON.stringify(resources)).not.toMatch(/"(?:dynamodb|lambda|ssm):\*"/u);
  });

  it("keeps the world out of buckets, and abandoned parts from staying", () => {
    const buckets = ofType("AWS::S3::Bucket");
    expect(buckets).toHaveLength(3);
    for (const [name, { Properties, DeletionPolicy }] of buckets) {
      expect({ name, ...Properties.PublicAccessBlockConfiguration }).toEqual({
        name,
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(Properties.BucketEncryption).toBeDefined();
      expect(Properties.LifecycleConfiguration.Rules[0].AbortIncompleteMultipartUpload).toBeDefined();
      expect(DeletionPolicy).toBe("Retain");
    }
  });

  it("starts what a process does by itself by schedules, and alarms when that fails or stops", () => {
    expect(ofType("AWS::Scheduler::Schedule")).toHaveLength(2);
    expect(Object.keys(resources)).toEqual(
      expect.arrayContaining(["SweepSettleFails", "SweepSettleMissing", "SweepTidyFails", "ApiFails"]),
    );
  });
});
