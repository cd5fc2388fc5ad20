import { AsyncLocalStorage } from "node:async_hooks";
import type { Ports } from "../../core/ports/index.ts";
import type { Access, Endpoint, Uses } from "../../functions/http/endpoint.ts";

type Store = Exclude<keyof Uses, "jobs">;

/** The methods of the ports that do more than read. */
const WRITING: Readonly<Record<Store, readonly string[]>> = {
  records: ["commit", "check"],
  objects: ["write", "move", "remove", "check"],
  logs: ["append", "complete", "remove"],
};

const asking = new AsyncLocalStorage<Endpoint>();

/** The same endpoint; what its calls do is seen to be done by it. */
export function watched(endpoint: Endpoint): Endpoint {
  return {
    ...endpoint,
    exists: (call) => asking.run(endpoint, async () => await endpoint.exists?.(call)),
    run: (call) => asking.run(endpoint, () => endpoint.run(call)),
  };
}

/** Holds each endpoint to what it says it uses: a function of its own has no more, neither adapters nor rights. */
export function heldToUses(ports: Ports): Ports {
  return {
    ...ports,
    records: held(ports.records, "records"),
    artifacts: held(ports.artifacts, "objects"),
    uploads: held(ports.uploads, "objects", "write"),
    logs: held(ports.logs, "logs"),
  };
}

function held<T extends object>(port: T, store: Store, always?: Access): T {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        hold(store, always ?? accessOf(store, String(name), args));
        return Reflect.apply(value, target, args);
      };
    },
  });
}

function accessOf(store: Store, method: string, [first]: readonly unknown[]): Access {
  return WRITING[store].includes(method) || (method === "signUrl" && first === "PUT") ? "write" : "read";
}

function hold(store: Store, access: Access): void {
  const endpoint = asking.getStore();
  if (endpoint === undefined) return;
  const has = endpoint.uses[store];
  if (has !== "write" && has !== access)
    throw new Error(
      `${endpoint.operation} does more than it says it uses: ${store} to ${access}, and has ${has ?? "none"}`,
    );
}
