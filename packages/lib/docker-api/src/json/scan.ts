import { type Json, JsonNumber, JsonObject } from './value';

/** A syntax error in the words of Go's encoding/json, which docker's clients print. */
export class JsonSyntaxError extends Error {}

/** Go refuses deeper nesting too (encoding/json: "exceeded max depth"); ours is lower because no Engine API body comes near. */
const MAX_DEPTH = 500;
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A run of characters that stand for themselves inside a string.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Parses the first JSON value of text and tells where it ended. Errors: JsonSyntaxError. */
export function scanJson(text: string): { readonly value: Json; readonly rest: string } {
  const scanner = new Scanner(text);
  const value = scanner.value(0);
  return { value, rest: text.slice(scanner.at).replace(/^[ \t\r\n]+/, '') };
}

class Scanner {
  at = 0;
  constructor(private readonly text: string) {}

  value(depth: number, where = 'looking for beginning of value'): Json {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth');
    this.skipSpace();
    const c = this.text[this.at];
    switch (c) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.literal('true', true);
      case 'f':
        return this.literal('false', false);
      case 'n':
        return this.literal('null', null);
      default:
        return this.number(where);
    }
  }

  private object(depth: number): JsonObject {
    const members: [string, Json][] = [];
    this.at++;
    this.skipSpace();
    if (this.text[this.at] === '}') {
      this.at++;
      return new JsonObject(members);
    }
    for (;;) {
      this.skipSpace();
      if (this.text[this.at] !== '"') throw this.invalid('looking for beginning of object key string');
      const key = this.string();
      this.skipSpace();
      if (this.text[this.at] !== ':') throw this.invalid('after object key');
      this.at++;
      members.push([key, this.value(depth + 1)]);
      if (!this.more('}', 'after object key:value pair')) return new JsonObject(members);
    }
  }

  private array(depth: number): Json[] {
    const items: Json[] = [];
    this.at++;
    this.skipSpace();
    if (this.text[this.at] === ']') {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.value(depth + 1));
      if (!this.more(']', 'after array element')) return items;
    }
  }

  /** Steps over a comma (true) or the closing bracket (false). */
  private more(close: string, where: string): boolean {
    this.skipSpace();
    const c = this.text[this.at];
    if (c !== ',' && c !== close) throw this.invalid(where);
    this.at++;
    return c === ',';
  }

  private string(): string {
    let result = '';
    this.at++;
    for (;;) {
      PLAIN.lastIndex = this.at;
      result += PLAIN.exec(this.text)?.[0] ?? '';
      this.at = PLAIN.lastIndex;
      const c = this.text[this.at];
      if (c === '"') {
        this.at++;
        return result;
      }
      if (c !== '\\') throw this.invalid('in string literal');
      result += this.escape();
    }
  }

  private escape(): string {
    this.at++;
    const c = this.text[this.at];
    if (c === 'u') {
      let code = 0;
      for (let digits = 0; digits < 4; digits++) {
        this.at++;
        const digit = this.text[this.at] ?? '';
        if (!/^[0-9a-fA-F]$/.test(digit)) throw this.invalid('in \\u hexadecimal character escape');
        code = code * 16 + parseInt(digit, 16);
      }
      this.at++;
      return String.fromCharCode(code);
    }
    const plain = c === undefined ? undefined : ESCAPES[c];
    if (plain === undefined) throw this.invalid('in string escape code');
    this.at++;
    return plain;
  }

  private literal<T extends Json>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      if (this.text[this.at + i] !== word[i]) {
        this.at += i;
        throw this.invalid(`in literal ${word} (expecting ${quote(word[i] ?? '')})`);
      }
    }
    this.at += word.length;
    return value;
  }

  private number(where: string): JsonNumber {
    NUMBER.lastIndex = this.at;
    const source = NUMBER.exec(this.text)?.[0];
    if (source === undefined) {
      if (this.text[this.at] === '-') {
        this.at++;
        throw this.invalid('in numeric literal');
      }
      throw this.invalid(where);
    }
    this.at += source.length;
    return new JsonNumber(source);
  }

  private skipSpace(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  private invalid(where: string): JsonSyntaxError {
    const c = this.text.codePointAt(this.at);
    return new JsonSyntaxError(c === undefined ? 'unexpected EOF' : `invalid character ${quote(String.fromCodePoint(c))} ${where}`);
  }
}

/** A character as Go quotes it in syntax errors. */
function quote(c: string): string {
  if (c === "'") return `'\\''`;
  if (c === '"') return `'"'`;
  const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', '\0': '\\x00' };
  return `'${named[c] ?? (c < ' ' ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : c)}'`;
}
