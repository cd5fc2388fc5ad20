/**
 * In place of the SDK's own way to find credentials (files, other services, other programs), which is a tenth of its code:
 * a function is given what its environment has.
 */
export function defaultProvider(): () => Promise<never> {
  return async () => {
    const error = new Error("No credentials are given.");
    error.name = "CredentialsProviderError";
    throw error;
  };
}
