import { invalidArgument } from '@gantry/rpc';

export type Operator = '==' | '!=' | '~=';

/** One condition: a field path, and unless it only asks for presence, an operator and a value. */
export interface Condition {
  readonly path: readonly string[];
  readonly operator?: Operator;
  readonly value?: string;
}

const WORD = /[\p{L}\p{N}_]/u;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/**
 * Reads one containerd filter: conditions joined by commas, e.g. `id~=^web,labels."com.example/tier"==front,image`.
 * A path is words or quoted strings joined by dots; a value is quoted, or runs to the next comma; a regular expression may stand
 * between slashes or bars. White space around them means nothing. Throws invalidArgument that shows the filter and the place.
 */
export function scanFilter(text: string): Condition[] {
  let at = 0;

  const fail = (what: string): never => {
    throw invalidArgument(`filters: parse error: [${text.slice(0, at)} >|${text.charAt(at)}|< ${text.slice(at + 1)}]: ${what}`);
  };
  const peek = (): string => text.charAt(at);
  const skipSpace = (): void => {
    while (/\s/.test(peek())) at += 1;
  };

  function quoted(quote: string): string {
    at += 1;
    let value = '';
    for (;;) {
      const char = text.charAt(at);
      if (char === '') return fail('quoted literal not terminated');
      at += 1;
      if (char === quote) return value;
      if (char !== '\\') {
        value += char;
        continue;
      }
      value += quote === '"' ? escape() : rawEscape(quote);
    }
  }

  function escape(): string {
    const char = text.charAt(at);
    at += 1;
    const width = { x: 2, u: 4, U: 8 }[char];
    if (width !== undefined) {
      const digits = text.slice(at, at + width);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length !== width || parseInt(digits, 16) > 0x10ffff) return fail('invalid escape');
      at += width;
      return String.fromCodePoint(parseInt(digits, 16));
    }
    if (char === '\\' || char === '"') return char;
    return ESCAPES[char] ?? fail('invalid escape');
  }

  /** Between / or | only the quote itself is escaped: the rest belongs to the regular expression. */
  function rawEscape(quote: string): string {
    const char = text.charAt(at);
    at += 1;
    return char === quote ? quote : `\\${char}`;
  }

  function field(): string {
    skipSpace();
    if (peek() === '"') return quoted('"');
    const start = at;
    while (at < text.length && WORD.test(peek())) at += 1;
    return start === at ? fail('expected field or quoted') : text.slice(start, at);
  }

  function value(regex: boolean): string {
    skipSpace();
    const first = peek();
    if (first === '"' || (regex && (first === '/' || first === '|'))) return quoted(first);
    const end = text.indexOf(',', at);
    const raw = text.slice(at, end < 0 ? text.length : end);
    if (raw === '') return fail('expected value or quoted');
    at += raw.length;
    return raw.trimEnd();
  }

  function condition(): Condition {
    const path = [field()];
    while (peek() === '.') {
      at += 1;
      path.push(field());
    }
    skipSpace();
    const operator = (['==', '!=', '~='] as const).find((candidate) => text.startsWith(candidate, at));
    if (operator === undefined) {
      if (peek() !== '' && peek() !== ',') fail('unsupported operator');
      return { path };
    }
    at += 2;
    return { path, operator, value: value(operator === '~=') };
  }

  const conditions: Condition[] = [];
  if (text.trim() === '') return conditions;
  for (;;) {
    conditions.push(condition());
    skipSpace();
    if (at >= text.length) return conditions;
    if (peek() !== ',') fail('expected a comma');
    at += 1;
  }
}
