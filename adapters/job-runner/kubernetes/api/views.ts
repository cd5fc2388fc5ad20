import * as v from "valibot";
import { DomainError } from "../../../../core/errors.ts";

/** What the server answered, as far as it is looked at. @throws `unavailable` for what it should not have answered */
export function understood<const S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? "";
  throw new DomainError(
    "unavailable",
    `Kubernetes answers what is not understood: ${where} ${issue.message}.`,
  );
}

const text = v.optional(v.string());

export const Metadata = v.object({
  name: v.string(),
  uid: v.string(),
  labels: v.optional(v.record(v.string(), v.string())),
  annotations: v.optional(v.record(v.string(), v.string())),
  resourceVersion: text,
  creationTimestamp: text,
  deletionTimestamp: text,
  ownerReferences: v.optional(v.array(v.object({ uid: v.string() }))),
});

export const AnyObject = v.object({ metadata: Metadata });
export type AnyObject = v.InferOutput<typeof AnyObject>;

const Condition = v.object({ type: v.string(), status: v.string(), reason: text, message: text });
export type Condition = v.InferOutput<typeof Condition>;

const conditions = v.optional(v.array(Condition), []);

export const JobView = v.object({
  metadata: Metadata,
  spec: v.object({ suspend: v.optional(v.boolean(), false) }),
  status: v.optional(v.object({ conditions }), {}),
});
export type JobView = v.InferOutput<typeof JobView>;

const Waiting = v.object({ reason: text, message: text });
const Terminated = v.object({ exitCode: v.number(), reason: text, message: text });
const ContainerState = v.object({
  waiting: v.optional(Waiting),
  running: v.optional(v.object({})),
  terminated: v.optional(Terminated),
});
export type ContainerState = v.InferOutput<typeof ContainerState>;

export const PodView = v.object({
  metadata: Metadata,
  status: v.optional(
    v.object({
      phase: text,
      reason: text,
      message: text,
      hostIP: text,
      conditions,
      containerStatuses: v.optional(
        v.array(v.object({ name: v.string(), state: v.optional(ContainerState, {}) })),
        [],
      ),
    }),
    {},
  ),
});
export type PodView = v.InferOutput<typeof PodView>;

const LoadBalancer = v.object({ ingress: v.optional(v.array(v.object({ ip: text, hostname: text })), []) });

export const ServiceView = v.object({
  metadata: v.object({ annotations: v.optional(v.record(v.string(), v.string()), {}) }),
  spec: v.object({
    type: text,
    clusterIP: text,
    ports: v.array(v.object({ port: v.number(), nodePort: v.optional(v.number()) })),
  }),
  status: v.optional(v.object({ loadBalancer: v.optional(LoadBalancer, {}) }), {}),
});
export type ServiceView = v.InferOutput<typeof ServiceView>;

export const EventView = v.object({
  reason: text,
  message: text,
  type: text,
  lastTimestamp: v.nullish(v.string()),
  eventTime: v.nullish(v.string()),
});
export type EventView = v.InferOutput<typeof EventView>;

export const SecretView = v.object({ data: v.optional(v.record(v.string(), v.string())) });

/** What the server says when it does not do what was asked. */
export const Status = v.object({ message: text, reason: text, code: v.optional(v.number()) });
