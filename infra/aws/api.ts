import { type Endpoint, pathsOf } from "../../functions/http/endpoint.ts";
import { DEFAULT_FUNCTION, logicalName } from "./functions.ts";
import { getAtt, type Json, ref, sub, when } from "./intrinsics.ts";

/** The HTTP API waits so long for a function. */
const INTEGRATION_MS = 30_000;

/** One address for all functions: a route for each method of each path, and one for what nobody knows. */
export function api(endpoints: readonly Endpoint[]): Record<string, Json> {
  return {
    Api: {
      Type: "AWS::ApiGatewayV2::Api",
      Properties: {
        Body: {
          openapi: "3.0.1",
          info: { title: sub("${AWS::StackName}"), version: "1" },
          paths: paths(endpoints),
        },
        FailOnWarnings: true,
      },
    },
    Stage: {
      Type: "AWS::ApiGatewayV2::Stage",
      Properties: { ApiId: ref("Api"), StageName: "$default", AutoDeploy: true },
    },
  };
}

export function paths(endpoints: readonly Endpoint[]): Record<string, Record<string, Json>> {
  const all: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints)
    for (const path of pathsOf(endpoint)) {
      const route = (all[routePath(path)] ??= {});
      route[endpoint.method] = operation(endpoint, path);
      if (endpoint.method === "get") route["head"] = operation(endpoint, path);
    }
  return { ...all, "/$default": { "x-amazon-apigateway-any-method": fallback } };
}

/** What is `{key*}` here is `{key+}` there. */
const routePath = (path: string): string => path.replace(/\{(\w+)\*\}$/u, "{$1+}");

const fallback: Json = { isDefaultRoute: true, ...integration(DEFAULT_FUNCTION) };

function operation({ operation: name, role }: Endpoint, path: string): Json {
  const parameters = [...path.matchAll(/\{(\w+)\*?\}/gu)].map(([, parameter]) => ({
    name: parameter,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(role === "reader" || role === "admin"
      ? { "x-amazon-apigateway-auth": when("UsesIam", { type: "AWS_IAM" }) }
      : {}),
    responses: { default: { description: "As the service's own description says" } },
    ...integration(logicalName(name)),
  };
}

function integration(name: string): Json {
  return {
    "x-amazon-apigateway-integration": {
      type: "aws_proxy",
      httpMethod: "POST",
      payloadFormatVersion: "2.0",
      timeoutInMillis: INTEGRATION_MS,
      uri: getAtt(name, "Arn"),
      credentials: getAtt("InvokerRole", "Arn"),
    },
  };
}
