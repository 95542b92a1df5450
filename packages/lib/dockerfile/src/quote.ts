const short: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** A text in double quotes as Go's %q writes it: messages and the history of an image have such. */
export function quoted(text: string): string {
  const inner = Array.from(text, (char) => {
    const known = short[char];
    if (known !== undefined) return known;
    if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) return char;
    const point = char.codePointAt(0) ?? 0;
    const hex = (digits: number): string => point.toString(16).padStart(digits, '0');
    if (point < 0x80) return `\\x${hex(2)}`;
    return point > 0xffff ? `\\U${hex(8)}` : `\\u${hex(4)}`;
  });
  return `"${inner.join('')}"`;
}
