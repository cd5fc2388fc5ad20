import type { Records } from "../../core/ports/records.ts";

/** Each call goes to the next store in turn: what one acknowledges, the others must show. */
export function inTurn(stores: readonly [Records, ...Records[]]): Records {
  let calls = 0;
  const next = (): Records => stores[calls++ % stores.length] ?? stores[0];
  return {
    get: (kind, id) => next().get(kind, id),
    list: (kind, page) => next().list(kind, page),
    getJson: (kind, id) => next().getJson(kind, id),
    listJson: (kind) => next().listJson(kind),
    commit: (changes) => next().commit(changes),
    check: () => next().check(),
    close: async () => void (await Promise.all(stores.map((store) => store.close()))),
  };
}
