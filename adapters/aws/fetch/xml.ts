/** An element of XML as S3 writes it: either text or other elements, whose attributes mean nothing. */
export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

const TOKEN = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([\w:.-]+)[^>]*?(\/?)>|([^<]+)/gu;

interface Open {
  readonly name: string;
  text: string;
  readonly children: Element[];
}

/** The root element. @throws SyntaxError for what is not well formed */
export function parseXml(xml: string): Element {
  const top: Open = { name: "", text: "", children: [] };
  const open: Open[] = [top];
  for (const [, closing, name, empty, text] of xml.matchAll(TOKEN)) {
    const last = open.at(-1) ?? top;
    if (text !== undefined) last.text += unescape(text);
    else if (name !== undefined && closing === "/") close(open, name);
    else if (name !== undefined) {
      open.push({ name, text: "", children: [] });
      if (empty === "/") close(open, name);
    }
  }
  const [root] = top.children;
  if (root === undefined || open.length > 1) throw new SyntaxError("The answer is not well-formed XML.");
  return root;
}

function close(open: Open[], name: string): void {
  const element = open.pop();
  const parent = open.at(-1);
  if (element === undefined || parent === undefined || element.name !== name)
    throw new SyntaxError("The answer is not well-formed XML.");
  parent.children.push(element);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/giu, (all, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(String(hex), 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[String(name)] ?? all;
  });
}

export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export const childOf = (element: Element, name: string): Element | undefined =>
  element.children.find((child) => child.name === name);

export const textOf = (element: Element, name: string): string | undefined => childOf(element, name)?.text;

export const allOf = (element: Element, name: string): readonly Element[] =>
  element.children.filter((child) => child.name === name);
