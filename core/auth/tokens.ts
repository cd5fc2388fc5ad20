import { getStored, isoTime, listValues } from "../collection.ts";
import { DomainError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ids } from "../ports/ids.ts";
import type { Records } from "../ports/records.ts";
import type { Signer } from "../ports/signer.ts";
import type { Token, TokenRole } from "./token.ts";

/** Who is calling: a name for the log, and what it may do. */
export interface Principal {
  readonly name: string;
  readonly role: TokenRole;
}

export interface Tokens {
  /** Makes a token and answers its text, which is told this once and never again. */
  create(name: string, role: TokenRole): Promise<string>;
  list(): Promise<Omit<Token, "signature">[]>;
  /** From now on the token opens nothing. @throws `not-found` */
  revoke(id: string): Promise<void>;
  /** @throws `unauthenticated` for a text that is no token, or one that was revoked. */
  authenticate(text: string | undefined): Promise<Principal>;
}

export interface TokenPorts {
  readonly records: Records;
  readonly signer: Signer;
  readonly ids: Ids;
  readonly clock: Clock;
}

const signed = (id: string, secret: string) => `token:${id}:${secret}`;

export function createTokens({ records, signer, ids, clock }: TokenPorts): Tokens {
  return {
    async create(name, role) {
      const [id, secret] = [ids.uuid(), ids.secret()];
      const signature = signer.sign(signed(id, secret));
      const value: Token = { id, created: isoTime(clock.now()), name, role, signature };
      await records.commit([{ op: "insert", kind: "token", id, value }]);
      return `ims.${id}.${secret}`;
    },
    async list() {
      return (await listValues(records, "token")).map(({ signature: _signature, ...rest }) => rest);
    },
    async revoke(id) {
      const { version } = await getStored(records, "token", id);
      await records.commit([{ op: "remove", kind: "token", id, version }]);
    },
    async authenticate(text) {
      const [, id = "", secret = ""] = /^ims\.([0-9a-f-]{36})\.([\w-]{43})$/u.exec(text ?? "") ?? [];
      const token = id === "" ? undefined : (await records.get("token", id))?.value;
      if (token === undefined || !signer.verify(signed(id, secret), token.signature))
        throw new DomainError("unauthenticated", "Send a token that is known here: Authorization: Bearer …");
      return { name: `token:${token.name}`, role: token.role };
    },
  };
}
