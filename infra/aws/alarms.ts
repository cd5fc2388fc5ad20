import { sweepNames } from "./functions.ts";
import { type Json, ref, when } from "./intrinsics.ts";

interface Alarm {
  readonly description: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: readonly Json[];
  readonly threshold: number;
  readonly minutes: number;
  /** Whether silence is alarming. */
  readonly silence?: "breaching";
  readonly below?: boolean;
}

function alarm(given: Alarm): Json {
  const { description, namespace, metric, dimensions, threshold, minutes, silence, below } = given;
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmDescription: description,
      Namespace: namespace,
      MetricName: metric,
      Dimensions: [...dimensions],
      Statistic: "Sum",
      Period: 60 * minutes,
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
      Threshold: threshold,
      ComparisonOperator: below === true ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold",
      TreatMissingData: silence ?? "notBreaching",
      AlarmActions: when("HasAlarmTopic", [ref("AlarmTopic")]),
    },
  };
}

const dimension = (name: string, value: unknown): Json => ({ Name: name, Value: value });

export function alarms(): Record<string, Json> {
  return {
    ApiFails: alarm({
      description: "The API answers with 5xx",
      namespace: "AWS/ApiGateway",
      metric: "5xx",
      dimensions: [dimension("ApiId", ref("Api"))],
      threshold: 5,
      minutes: 5,
    }),
    RecordsThrottled: alarm({
      description: "DynamoDB takes less than it is asked to",
      namespace: "AWS/DynamoDB",
      metric: "ThrottledRequests",
      dimensions: [dimension("TableName", ref("Table"))],
      threshold: 10,
      minutes: 5,
    }),
    FunctionsThrottled: alarm({
      description: "Functions of this account and region wait for each other",
      namespace: "AWS/Lambda",
      metric: "Throttles",
      dimensions: [],
      threshold: 1,
      minutes: 5,
    }),
    ...Object.fromEntries(
      sweepNames.flatMap((name) => [
        [`${name}Fails`, sweepAlarm(name, "Errors", "fails")],
        [
          `${name}Missing`,
          { ...sweepAlarm(name, "Invocations", "is not started", { below: true, silence: "breaching" }) },
        ],
      ]),
    ),
  };
}

function sweepAlarm(
  name: string,
  metric: string,
  what: string,
  more: Pick<Alarm, "below" | "silence"> = {},
): Json {
  return alarm({
    description: `${name} ${what}`,
    namespace: "AWS/Lambda",
    metric,
    dimensions: [dimension("FunctionName", ref(name))],
    threshold: 1,
    minutes: 30,
    ...more,
  });
}
