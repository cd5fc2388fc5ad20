// The least that can answer: node bare.ts node|hono PORT STATUS BODY-FILE HEADERS-JSON; the same bytes for every request.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { serve } from "@hono/node-server";
import * as v from "valibot";

const Arguments = v.tuple([
  v.picklist(["node", "hono"]),
  v.pipe(v.string(), v.transform(Number), v.number()),
  v.pipe(v.string(), v.transform(Number), v.number()),
  v.string(),
  v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string())),
]);

const [kind, port, status, file, headers] = v.parse(Arguments, process.argv.slice(2));
const body = readFileSync(file);
const all = { ...headers, "content-length": String(body.length) };
// As a program that knows its answer would have it: short ones as text, which goes out together with the head.
const ready = body.length < 65_536 ? body.toString() : body;

if (kind === "node")
  createServer((_, response) => response.writeHead(status, all).end(ready)).listen(port, "127.0.0.1");
else serve({ fetch: () => new Response(ready, { status, headers: all }), port, hostname: "127.0.0.1" });
