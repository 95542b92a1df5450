import { invalidArgument } from '@gantry/rpc/errors';
import type { Escape } from './logical-lines';
import { ShellPattern } from './shell-pattern';

/** Value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** A word as the shell would see it: quotes and escapes are gone, variables are in. Errors: invalidArgument. */
export function expandWord(text: string, lookup: Lookup, escape: Escape = '\\'): string {
  return expanded(text, lookup, escape).word;
}

/** As expandWord, split at white space outside of quotes, also at that of variables. */
export function expandWords(text: string, lookup: Lookup, escape: Escape = '\\'): string[] {
  return expanded(text, lookup, escape).words;
}

function expanded(text: string, lookup: Lookup, escape: Escape): Stretch {
  try {
    return new Expansion(text, lookup, escape).until(undefined, false);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalidArgument(`failed to process ${JSON.stringify(text)}: ${error.message}`, { cause: error });
  }
}

interface Stretch {
  readonly word: string;
  readonly words: string[];
}

/** What a stretch of text becomes, whole and in words. */
class Result implements Stretch {
  word = '';
  readonly words: string[] = [];
  private open: string | undefined;

  /** Quoted: belongs to the word whatever it is. */
  raw(text: string): void {
    this.word += text;
    this.open = (this.open ?? '') + text;
  }

  plain(text: string): void {
    this.word += text;
    for (const char of text) {
      if (!/\s/.test(char)) this.open = (this.open ?? '') + char;
      else this.close();
    }
  }

  close(): void {
    if (this.open !== undefined && this.open !== '') this.words.push(this.open);
    this.open = undefined;
  }
}

const SPECIAL = '@*#?-$!0';

class Expansion {
  private at = 0;
  private readonly chars: readonly string[];

  constructor(
    text: string,
    private readonly lookup: Lookup,
    private readonly escape: Escape,
  ) {
    this.chars = [...text];
  }

  /** Reads to the end, or to `stop`, which is taken and must come. rawEscapes: escapes stay, for a pattern that knows them. */
  until(stop: string | undefined, rawEscapes: boolean): Stretch {
    const result = new Result();
    for (let char = this.peek(); char !== undefined; char = this.peek()) {
      if (char === stop) {
        this.at++;
        result.close();
        return result;
      }
      if (char === "'") result.raw(this.single());
      else if (char === '"') result.raw(this.double(rawEscapes));
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
    return text;
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
      if (char === '"') return text;
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
      return name === '' ? '$' : (this.lookup(name) ?? '');
    }
    this.at++;
    const first = this.peek();
    if (first === undefined) throw new SyntaxError("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw new SyntaxError('syntax error: bad substitution');
    const name = this.name();
    const sign = this.next() ?? '';
    if (sign === '}') return this.lookup(name) ?? '';
    if (sign === '/') return this.replaced(this.lookup(name) ?? '');
    return sign === ':' ? this.modified(name, this.next() ?? '', true) : this.modified(name, sign, false);
  }

  /** `${name-word}` and its relatives; with a colon an empty variable is an unset one. */
  private modified(name: string, sign: string, colon: boolean): string {
    if (!['-', '+', '?', '#', '%'].includes(sign) || (colon && (sign === '#' || sign === '%')))
      throw new SyntaxError(`unsupported modifier (${colon ? ':' : ''}${sign}) in substitution`);
    const value = this.lookup(name);
    const asked = colon && value === '' ? undefined : value;
    const { word } = this.closed(() => this.until('}', sign === '#' || sign === '%'), "syntax error: missing '}'");
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

  private replaced(value: string): string {
    const all = this.peek() === '/';
    if (all) this.at++;
    const pattern = this.closed(() => this.until('/', true), "syntax error: missing '/' in ${}").word;
    const by = this.closed(() => this.until('}', true), "syntax error: missing '}'").word;
    return new ShellPattern(pattern).replace(value, by, all);
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
