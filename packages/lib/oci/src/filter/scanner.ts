/** What stands at a place of a filter. `other` is a character that begins nothing. */
export type TokenKind = 'end' | 'field' | 'quoted' | 'separator' | 'operator' | 'value' | 'illegal' | 'other';

export interface Token {
  readonly kind: TokenKind;
  readonly at: number;
  /** As written, quotes included; why, for an illegal one. */
  readonly text: string;
}

const FIELD = /[A-Za-z0-9_]/;
const SPACE = /[\s\u0085]/;
const GRAPHIC = /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u;
const OPERATOR = '=!~';
const QUOTES = '"/|';
const DIGITS: Readonly<Record<string, { readonly digit: RegExp; readonly count: number }>> = {
  x: { digit: /[0-9a-fA-F]/, count: 2 },
  u: { digit: /[0-9a-fA-F]/, count: 4 },
  U: { digit: /[0-9a-fA-F]/, count: 8 },
};
const OCTAL = { digit: /[0-7]/, count: 3 };

/** Reads a filter token by token, as containerd does: what a character begins depends on whether an operator stood before it. */
export class Scanner {
  private readonly chars: readonly string[];
  private place = 0;
  /** Set by an operator, until a separator or a value: what follows is a value, not a field. */
  private valueNext = false;

  constructor(text: string) {
    this.chars = [...text];
  }

  get at(): number {
    return this.place;
  }

  /** The next character, white space too; '' at the end. */
  peek(): string {
    return this.chars[this.place] ?? '';
  }

  slice(from: number, to?: number): string {
    return this.chars.slice(from, to).join('');
  }

  scan(): Token {
    while (SPACE.test(this.peek())) this.place += 1;
    const [at, char] = [this.place, this.peek()];
    if (char === '') return { kind: 'end', at, text: '' };
    this.place += 1;
    if (char === '\0') return { kind: 'illegal', at, text: 'unexpected null' };
    if (char === '\ufffd') return { kind: 'illegal', at, text: 'rune error' };
    if (QUOTES.includes(char)) {
      const wrong = this.quoted(char);
      return wrong === undefined ? this.token('quoted', at) : { kind: 'illegal', at, text: wrong };
    }
    if (char === ',' || char === '.') {
      this.valueNext = false;
      return this.token('separator', at);
    }
    if (OPERATOR.includes(char)) {
      this.skip((next) => OPERATOR.includes(next));
      this.valueNext = true;
      return this.token('operator', at);
    }
    if (this.valueNext) {
      this.skip((next) => next !== ',' && GRAPHIC.test(next));
      this.valueNext = false;
      return this.token('value', at);
    }
    if (!FIELD.test(char)) return this.token('other', at);
    this.skip((next) => FIELD.test(next));
    return this.token('field', at);
  }

  private token(kind: TokenKind, at: number): Token {
    return { kind, at, text: this.slice(at, this.place) };
  }

  private skip(belongs: (char: string) => boolean): void {
    while (this.peek() !== '' && belongs(this.peek())) this.place += 1;
  }

  /** To behind the closing quote; what is wrong with the literal, if anything is. */
  private quoted(quote: string): string | undefined {
    let wrong: string | undefined;
    for (;;) {
      const char = this.peek();
      if (char === '' || char === '\n' || char === '\0') return wrong ?? 'quoted literal not terminated';
      this.place += 1;
      if (char === quote) return wrong;
      if (char === '\\') wrong ??= this.escape(quote);
    }
  }

  private escape(quote: string): string | undefined {
    const char = this.peek();
    const numeric = /[0-7]/.test(char) ? OCTAL : DIGITS[char];
    if (numeric === undefined) {
      if (char === '' || !`abfnrtv\\${quote}`.includes(char)) return 'illegal escape sequence';
      this.place += 1;
      return undefined;
    }
    if (numeric !== OCTAL) this.place += 1;
    const from = this.place;
    while (this.place - from < numeric.count && numeric.digit.test(this.peek())) this.place += 1;
    return this.place - from < numeric.count ? 'illegal numeric escape sequence' : undefined;
  }
}
