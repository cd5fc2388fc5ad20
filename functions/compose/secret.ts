import { readParameter } from "../../adapters/aws/parameter.ts";
import type { Secret } from "../config/function.ts";

/** The bytes of the service's secret. A parameter is asked for once, when the function starts. */
export async function openSecret(secret: Secret): Promise<Uint8Array> {
  const text = "text" in secret ? secret.text : await readParameter(secret.parameter, secret.store);
  return new TextEncoder().encode(text);
}
