import { invalidArgument } from '@gantry/rpc/errors';
import type { Escape } from './lines';
import { quoted } from './quote';
import { ShellPattern } from './shell-pattern';
import { Result, type Stretch } from './stretch';

/** Value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface ExpandOptions {
  readonly lookup: Lookup;
  readonly escape?: Escape;
  /** Quotes stay in. */
  readonly keepQuotes?: boolean;
  /** Escapes stay in. */
  readonly keepEscapes?: boolean;
  /** A variable that is not set stays as it was written. */
  readonly keepUnset?: boolean;
  /** Quotes are characters like others. */
  readonly plainQuotes?: boolean;
}

export interface Expanded {
  readonly word: string;
  readonly words: readonly string[];
  /** Variables that were asked for and are set. */
  readonly used: ReadonlySet<string>;
  /** Variables that were asked for and are not. */
  readonly unset: ReadonlySet<string>;
}

/** A word as the shell would see it: quotes and escapes are gone, variables are in. Errors: invalidArgument. */
export function expandWord(text: string, lookup: Lookup, escape: Escape = '\\'): string {
  return expand(text, { lookup, escape }).word;
}

/** As expandWord, split at white space outside of quotes, also at that of variables. */
export function expandWords(text: string, lookup: Lookup, escape: Escape = '\\'): string[] {
  return [...expand(text, { lookup, escape }).words];
}

/** A text whole and in words, with what it asked for. Errors: invalidArgument. */
export function expand(text: string, options: ExpandOptions): Expanded {
  const used = new Set<string>();
  const unset = new Set<string>();
  const lookup = (name: string): string | undefined => {
    const value = options.lookup(name);
    (value === undefined ? unset : used).add(name);
    return value;
  };
  try {
    const { word, words } = new Expansion(text, { escape: '\\', ...options, lookup }).until(undefined, options.keepEscapes ?? false);
    return { word, words, used, unset };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalidArgument(`failed to process ${quoted(text)}: ${error.message}`, { cause: error });
  }
}

const SPECIAL = '@*#?-$!0';

class Expansion {
  private at = 0;
  private readonly chars: readonly string[];

  private readonly lookup: Lookup;
  private readonly escape: Escape;

  constructor(
    text: string,
    private readonly options: ExpandOptions & { readonly escape: Escape },
  ) {
    this.chars = [...text];
    this.lookup = options.lookup;
    this.escape = options.escape;
  }

  /** Reads to the end, or to `stop`, which is taken and must come. rawEscapes: escapes stay, for a pattern that knows them. */
  until(stop: string | undefined, rawEscapes: boolean): Stretch {
    const result = new Result();
    const quotes = this.options.plainQuotes !== true;
    for (let char = this.peek(); char !== undefined; char = this.peek()) {
      if (char === stop) {
        this.at++;
        result.close();
        return result;
      }
      if (char === "'" && quotes) result.raw(this.single());
      else if (char === '"' && quotes) result.raw(this.double(rawEscapes));
      else if (char === '<') result.raw(this.heredocMark());
      else if (char === '$') result.plain(this.dollar());
      else if (char !== this.escape) {
        this.at++;
        result.plain(char);
      } else {
        this.at++;
        if (rawEscapes) result.raw(char);
        const next = this.next();
        if (next !== undefined) result.raw(next);
      }
    }
    if (stop !== undefined) throw new SyntaxError(`unexpected end of statement while looking for matching ${stop}`);
    result.close();
    return result;
  }

  private peek(): string | undefined {
    return this.chars[this.at];
  }

  private next(): string | undefined {
    return this.chars[this.at++];
  }

  private single(): string {
    const end = this.chars.indexOf("'", ++this.at);
    if (end < 0) throw new SyntaxError('unexpected end of statement while looking for matching single-quote');
    const text = this.chars.slice(this.at, end).join('');
    this.at = end + 1;
    return this.options.keepQuotes === true ? `'${text}'` : text;
  }

  /** `<<` and the blanks behind it belong to the word that names a here-document. */
  private heredocMark(): string {
    this.at++;
    if (this.peek() !== '<') return '<';
    this.at++;
    let mark = '<<';
    for (let char = this.peek(); char === ' ' || char === '\t' || char === '\r'; char = this.peek()) {
      mark += char;
      this.at++;
    }
    return mark;
  }

  private double(rawEscapes: boolean): string {
    this.at++;
    let text = '';
    for (let char = this.peek(); char !== undefined; char = this.peek()) {
      if (char === '$') {
        text += this.dollar();
        continue;
      }
      this.at++;
      if (char === '"') return this.options.keepQuotes === true ? `"${text}"` : text;
      if (char !== this.escape) {
        text += char;
        continue;
      }
      if (rawEscapes) text += char;
      const next = this.peek();
      if (next === '"' || next === '$' || next === this.escape) text += this.next() ?? '';
      else if (next !== undefined) text += char;
    }
    throw new SyntaxError('unexpected end of statement while looking for matching double-quote');
  }

  private dollar(): string {
    this.at++;
    if (this.peek() !== '{') {
      const name = this.name();
      return name === '' ? '$' : this.value(name, `$${name}`);
    }
    this.at++;
    const first = this.peek();
    if (first === undefined) throw new SyntaxError("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw new SyntaxError('syntax error: bad substitution');
    const name = this.name();
    const sign = this.next() ?? '\uFFFD';
    if (sign === '}') return this.value(name, `\${${name}}`);
    if (sign === '/') return this.replaced(name);
    return sign === ':' ? this.modified(name, this.next() ?? '', true) : this.modified(name, sign, false);
  }

  private value(name: string, written: string): string {
    return this.lookup(name) ?? (this.options.keepUnset === true ? written : '');
  }

  /** `${name-word}` and its relatives; with a colon an empty variable is an unset one. */
  private modified(name: string, sign: string, colon: boolean): string {
    const trims = sign === '#' || sign === '%';
    const known = trims || ['-', '+', '?'].includes(sign);
    const unsupported = new SyntaxError(`unsupported modifier (${colon ? ':' : ''}${sign}) in substitution`);
    if (colon ? trims : !known) throw unsupported;
    const { word } = this.closed(() => this.until('}', trims), "syntax error: missing '}'");
    const value = this.lookup(name);
    if (!known) throw unsupported; // behind a colon the variable counts as used, and the brace is looked for, before the sign
    if (value === undefined && this.options.keepUnset === true) return `\${${name}${colon ? ':' : ''}${sign}${word}}`;
    const asked = colon && value === '' ? undefined : value;
    switch (sign) {
      case '-':
        return asked ?? word;
      case '+':
        return asked === undefined ? '' : word;
      case '?':
        if (asked !== undefined) return asked;
        throw new SyntaxError(`${name}: ${word !== '' ? word : `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`);
      default: {
        const longest = word.startsWith(sign);
        const pattern = new ShellPattern(longest ? word.slice(1) : word);
        return sign === '#' ? pattern.withoutPrefix(value ?? '', longest) : pattern.withoutSuffix(value ?? '', longest);
      }
    }
  }

  private replaced(name: string): string {
    const all = this.peek() === '/';
    if (all) this.at++;
    const pattern = this.closed(() => this.until('/', true), "syntax error: missing '/' in ${}").word;
    const by = this.closed(() => this.until('}', true), "syntax error: missing '}'").word;
    const value = this.lookup(name);
    if (value === undefined && this.options.keepUnset === true) return `\${${name}/${pattern}/${by}}`;
    return new ShellPattern(pattern).replace(value ?? '', by, all);
  }

  /** An end of the text in there is the missing brace's fault, not that of what was open in it. */
  private closed<T>(read: () => T, message: string): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof SyntaxError && this.peek() === undefined) throw new SyntaxError(message, { cause: error });
      throw error;
    }
  }

  private name(): string {
    const first = this.peek() ?? '';
    const pattern = /\d/.test(first) ? /\d/ : /[\p{L}\p{Nd}_]/u;
    if (!/\d/.test(first) && SPECIAL.includes(first) && first !== '') {
      this.at++;
      return first;
    }
    let name = '';
    for (let char = this.peek(); char !== undefined && pattern.test(char); char = this.peek()) {
      name += char;
      this.at++;
    }
    return name;
  }
}
