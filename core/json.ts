const READY = Symbol("ready JSON");

/** A value of this type as JSON, ready to be sent: its text, or in the same order the pieces of its UTF-8. */
export interface Json<T> {
  readonly [READY]: true;
  readonly content: string | readonly Uint8Array<ArrayBuffer>[];
  /** Names this very content: equal tags, equal content. Fit for an entity tag. */
  readonly tag: string;
  /** Never there: it ties the text to its type. */
  readonly parsed?: T;
}

export function readyJson<T>(content: Json<T>["content"], tag: string): Json<T> {
  return { [READY]: true, content, tag };
}

export function isReadyJson(value: unknown): value is Json<unknown> {
  return typeof value === "object" && value !== null && READY in value;
}
