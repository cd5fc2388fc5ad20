import { expect, it } from "vitest";
import { createHmacSigner } from "../../../adapters/signer/hmac.ts";
import { createTickets } from "../../../functions/http/tickets.ts";

const time = { now: 1_000_000 };
const tickets = createTickets(createHmacSigner(new Uint8Array(32).fill(1)), () => time.now);
const asked = (path: string, ticket: string, method = "GET") =>
  new Request(`https://ims.example${path}?follow=1&${ticket}`, { method });

it("lets whoever has a ticket read that one path for a minute, and nothing else", () => {
  const ticket = tickets.issue("/v3/jobs/1/log");
  expect(tickets.admit(asked("/v3/jobs/1/log", ticket))).toMatchObject({ role: "reader" });
  expect(tickets.admit(asked("/v3/jobs/2/log", ticket))).toBeUndefined();
  expect(tickets.admit(asked("/v3/jobs/1/log", ticket, "DELETE"))).toBeUndefined();
  expect(tickets.admit(asked("/v3/jobs/1/log", ticket.replace(/\d/u, "9")))).toBeUndefined();
  expect(tickets.admit(asked("/v3/jobs/1/log", ""))).toBeUndefined();
  time.now += 61_000;
  expect(tickets.admit(asked("/v3/jobs/1/log", ticket))).toBeUndefined();
});
