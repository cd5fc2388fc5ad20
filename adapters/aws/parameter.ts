import { AwsClient } from "aws4fetch";
import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";

/** Where AWS's Systems Manager is, and who asks it. */
export interface ParameterStore {
  readonly region: string;
  /** Absent: AWS's own for the region. */
  readonly endpoint?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const Answer = v.object({ Parameter: v.object({ Value: v.string() }) });
const Refusal = v.object({ __type: v.string() });

const LIMIT_MS = 5000;

/** The value of a parameter, decrypted. @throws `unavailable`, which names the parameter and tells nothing of its value */
export async function readParameter(name: string, store: ParameterStore): Promise<string> {
  const { region, endpoint = `https://ssm.${region}.amazonaws.com`, ...credentials } = store;
  const client = new AwsClient({ ...credentials, service: "ssm", region, retries: 3 });
  const unavailable = (why: string, cause?: unknown) =>
    new DomainError("unavailable", `The parameter ${name} cannot be read: ${why}.`, { cause });
  const response = await client
    .fetch(`${endpoint}/`, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameter" },
      body: JSON.stringify({ Name: name, WithDecryption: true }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    .catch((error: unknown) => {
      throw unavailable("Systems Manager does not answer", error);
    });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw unavailable(wordOf(answer) ?? `its answer is ${response.status}`);
  const parsed = v.safeParse(Answer, answer);
  if (!parsed.success) throw unavailable("the answer has no value");
  return parsed.output.Parameter.Value;
}

/** Such as `ParameterNotFound` or `AccessDeniedException`. */
function wordOf(answer: unknown): string | undefined {
  const parsed = v.safeParse(Refusal, answer);
  return parsed.success ? parsed.output.__type.replace(/^.*#/u, "") : undefined;
}
