import { expect, it } from "vitest";
import { auditedTokens } from "../../../core/auth/audited-tokens.ts";
import { createTokens } from "../../../core/auth/tokens.ts";
import type { TelemetryEvent } from "../../../core/ports/telemetry.ts";
import { createTestService } from "../../support/ims.ts";

it("tells of each token that is made or revoked, by its id, and of what was refused; never the token itself", async () => {
  const { ports } = createTestService();
  const events: TelemetryEvent[] = [];
  const tokens = auditedTokens(
    createTokens(ports),
    { emit: (event) => void events.push(event) },
    "cli:uid=7",
  );
  const text = await tokens.create("bob", "reader");
  const [, id = "", secret = ""] = text.split(".");
  await tokens.revoke(id);
  await expect(tokens.revoke(id)).rejects.toMatchObject({ code: "not-found" });
  expect(events).toMatchObject([
    { event: "audit", who: "cli:uid=7", operation: "create_token", record: id, outcome: "done" },
    { event: "audit", who: "cli:uid=7", operation: "revoke_token", record: id, outcome: "done" },
    { event: "audit", who: "cli:uid=7", operation: "revoke_token", record: id, outcome: "refused" },
  ]);
  expect(JSON.stringify(events)).not.toContain(secret);
});
