import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import { invalidArgument, isErrorOf } from '@gantry/rpc';

/** Reads a field of an object by its path; undefined when the object has none. */
export type FieldReader = (path: readonly string[]) => string | undefined;
export type Filter = (read: FieldReader) => boolean;

/**
 * containerd's filter language: selectors joined by commas (and); several filters are alternatives. A selector is a field path with an
 * optional operator: `name==x`, `labels.foo!=x`, `labels."a.b"~=^re`, `labels.foo` (present). White space around them means nothing. No
 * filter at all accepts everything.
 */
export function parseFilters(filters: readonly string[]): Filter {
  const parsed = filters.filter((text) => text !== '').map(parseFilter);
  if (parsed.length === 0) return () => true;
  return (read) => parsed.some((filter) => filter(read));
}

function parseFilter(text: string): Filter {
  const reader = new Reader(text);
  const selectors: Filter[] = [reader.selector()];
  while (!reader.done()) {
    reader.expect(',');
    selectors.push(reader.selector());
  }
  return (read) => selectors.every((selector) => selector(read));
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  done(): boolean {
    return this.at >= this.text.length;
  }

  expect(char: string): void {
    if (this.text[this.at] !== char) throw this.error(`expected "${char}"`);
    this.at++;
  }

  private skipSpace(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  selector(): Filter {
    const path = [this.field()];
    while (this.text[this.at] === '.') {
      this.at++;
      path.push(this.field());
    }
    this.skipSpace();
    const operator = /^(==|!=|~=)/.exec(this.text.slice(this.at))?.[1];
    if (operator === undefined) return (read) => (read(path) ?? '') !== '';
    this.at += 2;
    const value = this.value();
    this.skipSpace();
    if (operator === '==') return (read) => read(path) === value;
    if (operator === '!=') return (read) => read(path) !== value;
    const pattern = compile(value);
    return (read) => {
      const found = read(path);
      return found !== undefined && pattern.test(found);
    };
  }

  private field(): string {
    this.skipSpace();
    if (this.isQuote()) return this.quoted();
    const match = /^[A-Za-z0-9_-]+/.exec(this.text.slice(this.at));
    if (match === null) throw this.error('expected a field');
    this.at += match[0].length;
    return match[0];
  }

  private value(): string {
    this.skipSpace();
    if (this.isQuote()) return this.quoted();
    const end = this.text.indexOf(',', this.at);
    const value = this.text.slice(this.at, end < 0 ? undefined : end);
    this.at += value.length;
    return value.trimEnd();
  }

  private isQuote(): boolean {
    return this.text[this.at] === '"' || this.text[this.at] === '/' || this.text[this.at] === '|';
  }

  /** "…" with backslash escapes; /…/ and |…| are the same without most escapes, for regular expressions. */
  private quoted(): string {
    const quote = this.text[this.at] ?? '';
    let out = '';
    for (this.at++; this.at < this.text.length; this.at++) {
      const char = this.text[this.at] ?? '';
      if (char === quote) {
        this.at++;
        return out;
      }
      if (char === '\\' && (quote === '"' || this.text[this.at + 1] === quote)) out += this.text[++this.at] ?? '';
      else out += char;
    }
    throw this.error('unterminated quote');
  }

  private error(why: string): Error {
    return invalidArgument(`filter "${this.text}": ${why} at ${this.at}`);
  }
}

function compile(source: string): Pattern {
  try {
    return compilePattern(source);
  } catch (cause) {
    if (!isErrorOf(cause, 'invalidArgument', 'outOfRange')) throw cause;
    throw invalidArgument(`filters: ${cause.message}`, { cause });
  }
}

/** Reader of `labels.…`: containerd joins the rest of the path with dots. */
export function labelField(labels: Record<string, string>, path: readonly string[]): string | undefined {
  return labels[path.slice(1).join('.')];
}
