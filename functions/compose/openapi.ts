/** The description of the API, read when somebody asks for it. */
export async function openapi(): Promise<unknown> {
  return (await import("../../infra/openapi.json", { with: { type: "json" } })).default;
}
