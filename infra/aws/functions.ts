import type { Endpoint } from "../../functions/http/endpoint.ts";
import { SWEEPS } from "../../functions/sweeps.ts";
import { getAtt, type Json, ref, sub, when } from "./intrinsics.ts";
import { allow, capital, nameOfRights, type Rights, rightsOf, statementsOf } from "./policies.ts";

/** A little longer than a change waits for its objects, and than the HTTP API waits for a function. */
const ANSWER_SECONDS = 60;
const STREAM_SECONDS = 900;
const SWEEP_SECONDS = 900;

/** `get_v3_image` is `GetV3Image`. */
export const logicalName = (operation: string): string => operation.split("_").map(capital).join("");

interface FunctionOptions {
  readonly bundle: string;
  readonly handler: string;
  readonly rights: Rights;
  readonly seconds: number;
  readonly description: string;
  readonly env?: Json;
}

interface LambdaResource extends Json {
  readonly Type: "AWS::Lambda::Function";
  readonly Properties: Json;
}

function lambda({
  bundle,
  handler,
  rights,
  seconds,
  description,
  env = {},
}: FunctionOptions): LambdaResource {
  return {
    Type: "AWS::Lambda::Function",
    Properties: {
      Description: description.slice(0, 256),
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      Handler: `${bundle}.${handler}`,
      Code: { S3Bucket: ref("CodeBucket"), S3Key: sub(`\${CodePrefix}${bundle}.zip`) },
      Role: getAtt(roleName(rights), "Arn"),
      MemorySize: 512,
      Timeout: seconds,
      LoggingConfig: { LogFormat: "JSON", LogGroup: ref("LogGroup") },
      Environment: { Variables: { ...ENVIRONMENT, ...env } },
    },
  };
}

const ENVIRONMENT: Json = {
  IMS_AUTH: ref("Auth"),
  IMS_SECRET_PARAMETER: ref("SecretParameter"),
  IMS_OIDC_ISSUER: when("UsesOidc", ref("OidcIssuer")),
  IMS_OIDC_AUDIENCE: when("UsesOidc", ref("OidcAudience")),
  IMS_OIDC_JWKS_URI: when("UsesOidc", ref("OidcJwksUri")),
  IMS_IAM_ADMINS: ref("IamAdmins"),
  IMS_MAX_JOBS: ref("MaxJobs"),
  DYNAMODB_TABLE: ref("Table"),
  S3_IMS_BUCKET: ref("RecipesBucket"),
  S3_BOOT_IMAGES_BUCKET: ref("ImagesBucket"),
  S3_LOGS_BUCKET: ref("LogsBucket"),
};

const roleName = (rights: Rights): string => `Role${nameOfRights(rights)}`;

/** One for each set of rights that endpoints declare. */
function role(rights: Rights): Json {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: assumedBy("lambda.amazonaws.com"),
      Policies: [
        policy("function", [
          ...statementsOf(rights),
          allow(["logs:CreateLogStream", "logs:PutLogEvents"], [getAtt("LogGroup", "Arn")]),
        ]),
      ],
    },
  };
}

export const assumedBy = (service: string): Json => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
});

export const policy = (name: string, statements: readonly Json[]): Json => ({
  PolicyName: name,
  PolicyDocument: { Version: "2012-10-17", Statement: [...statements] },
});

/** AWS lets in only whom IAM allows to, where IAM decides; agents and probes have nothing that it knows. */
function authTypeOf({ role: caller }: Pick<Endpoint, "role">): unknown {
  return caller === "reader" || caller === "admin" ? when("UsesIam", "AWS_IAM", "NONE") : "NONE";
}

function url(name: string, authType: unknown, mode: "BUFFERED" | "RESPONSE_STREAM"): Record<string, Json> {
  const open = authType === "NONE" ? {} : { Condition: "UsesNoIam" };
  const permission = (action: string, more: Json): Json => ({
    Type: "AWS::Lambda::Permission",
    ...open,
    Properties: { FunctionName: ref(name), Principal: "*", Action: action, ...more },
  });
  return {
    [`${name}Url`]: {
      Type: "AWS::Lambda::Url",
      Properties: { TargetFunctionArn: getAtt(name, "Arn"), AuthType: authType, InvokeMode: mode },
    },
    // A URL that is open takes both.
    [`${name}UrlOpen`]: permission("lambda:InvokeFunctionUrl", { FunctionUrlAuthType: "NONE" }),
    [`${name}Open`]: permission("lambda:InvokeFunction", { InvokedViaFunctionUrl: true }),
  };
}

function endpointFunctions(endpoint: Endpoint): Record<string, Json> {
  const { operation, uses, role: caller, summary } = endpoint;
  const name = logicalName(operation);
  const common = { bundle: operation, rights: rightsOf(uses, caller), description: summary };
  const streams = endpoint.answersEvents !== undefined;
  const env = streams ? { IMS_STREAM_URL: hostOf(`${name}StreamUrl`) } : {};
  return {
    [name]: lambda({ ...common, handler: "handler", seconds: ANSWER_SECONDS, env }),
    ...url(name, authTypeOf(endpoint), "BUFFERED"),
    ...(streams
      ? {
          [`${name}Stream`]: lambda({ ...common, handler: "streaming", seconds: STREAM_SECONDS }),
          // Whoever the other function sends here has a ticket of its, which IAM does not know.
          ...url(`${name}Stream`, "NONE", "RESPONSE_STREAM"),
        }
      : {}),
  };
}

/** Function URLs end with a slash. */
const hostOf = (name: string): Json => ({
  "Fn::Join": ["", ["https://", { "Fn::Select": [2, { "Fn::Split": ["/", getAtt(name, "FunctionUrl")] }] }]],
});

export const DEFAULT_FUNCTION = "Fallback";

/** Never twice at once: a schedule that finds it at work passes. */
const alone = ({ Type, Properties }: LambdaResource): Json => ({
  Type,
  Properties: { ...Properties, ReservedConcurrentExecutions: 1 },
});

const sweepName = (name: string): string => `Sweep${capital(name)}`;

function sweeps(): Record<string, Json> {
  return Object.assign(
    {},
    ...Object.entries(SWEEPS).map(([name, { uses, summary, everyMinutes }]) => ({
      [sweepName(name)]: alone(
        lambda({
          bundle: "sweeps",
          handler: name,
          rights: rightsOf(uses),
          seconds: SWEEP_SECONDS,
          description: summary,
        }),
      ),
      [`${sweepName(name)}Schedule`]: {
        Type: "AWS::Scheduler::Schedule",
        Properties: {
          ScheduleExpression: `rate(${everyMinutes} ${everyMinutes === 1 ? "minute" : "minutes"})`,
          FlexibleTimeWindow: { Mode: "OFF" },
          Target: {
            Arn: getAtt(sweepName(name), "Arn"),
            RoleArn: getAtt("InvokerRole", "Arn"),
            RetryPolicy: { MaximumRetryAttempts: 0 },
          },
        },
      },
    })),
  );
}

/** Every function, with its rights and its URL. */
export function functions(endpoints: readonly Endpoint[]): Record<string, Json> {
  const nothing = rightsOf({});
  const all = [
    nothing,
    ...endpoints.map(({ uses, role: caller }) => rightsOf(uses, caller)),
    ...Object.values(SWEEPS).map(({ uses }) => rightsOf(uses)),
  ];
  return {
    LogGroup: { Type: "AWS::Logs::LogGroup", Properties: { RetentionInDays: ref("LogRetentionDays") } },
    ...Object.fromEntries(all.map((rights) => [roleName(rights), role(rights)])),
    ...Object.assign({}, ...endpoints.map(endpointFunctions)),
    [DEFAULT_FUNCTION]: lambda({
      bundle: "fallback",
      handler: "handler",
      rights: nothing,
      seconds: ANSWER_SECONDS,
      description: "Where no route leads: says what there is",
    }),
    ...sweeps(),
    InvokerRole: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: {
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: { Service: ["apigateway.amazonaws.com", "scheduler.amazonaws.com"] },
              Action: "sts:AssumeRole",
            },
          ],
        },
        Policies: [
          policy("invoke", [
            allow(
              ["lambda:InvokeFunction"],
              [
                sub(
                  "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*",
                ),
              ],
            ),
          ]),
        ],
      },
    },
  };
}

export const sweepNames = Object.keys(SWEEPS).map(sweepName);
