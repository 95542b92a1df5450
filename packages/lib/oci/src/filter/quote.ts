const NAMED: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gsu;

/**
 * What a literal that the scanner passed means, without its quotes; undefined for a number no character has. `\x` and octal escapes are bytes
 * of UTF-8, `\u` and `\U` characters.
 */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  const parts: Buffer[] = [];
  let at = 0;
  for (const match of inner.matchAll(ESCAPE)) {
    const [whole, hex, octal, short, long, char = ''] = match;
    const point = short ?? long;
    const byte = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : NAMED[char];
    if ((byte ?? 0) > 0xff || (point !== undefined && parseInt(point, 16) > 0x10ffff)) return undefined;
    parts.push(Buffer.from(inner.slice(at, match.index)));
    if (point !== undefined) parts.push(Buffer.from(String.fromCodePoint(parseInt(point, 16))));
    else parts.push(byte === undefined ? Buffer.from(char) : Buffer.from([byte]));
    at = match.index + whole.length;
  }
  return Buffer.concat([...parts, Buffer.from(inner.slice(at))]).toString();
}
