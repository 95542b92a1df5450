import { invalidArgument } from '@gantry/rpc/errors';

/** Comments in front of the first instruction that say how a file is read: `# syntax=…`, `# escape=…`, `# check=…`. */
export interface Directive {
  readonly name: string;
  /** Up to the first blank. */
  readonly word: string;
  readonly value: string;
  readonly line: number;
}

const NAMES = new Set(['syntax', 'escape', 'check']);

/** Reads directives line by line; the first line that is none ends them. */
export class DirectiveReader {
  private readonly seen = new Set<string>();
  private done = false;

  constructor(
    private line = 0,
    private readonly comment = '#',
  ) {}

  read(text: string): Directive | undefined {
    this.line++;
    if (this.done) return undefined;
    const [, key = '', value = ''] = text.startsWith(this.comment)
      ? (/^\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/.exec(text.slice(this.comment.length).trimEnd()) ?? [])
      : [];
    const name = key.toLowerCase();
    if (!NAMES.has(name)) {
      this.done = true;
      return undefined;
    }
    if (this.seen.has(name)) throw invalidArgument(`only one ${name} parser directive can be used`);
    this.seen.add(name);
    return { name, value, word: value.split(' ', 1)[0] ?? value, line: this.line };
  }

  get ended(): boolean {
    return this.done;
  }
}

/** The directive of this name, if the text has it. */
export function findDirective(name: string, text: string): Directive | undefined {
  const { body, line } = withoutFront(text);
  return search(name, body, new DirectiveReader(line));
}

/** The frontend that a file asks for: as a directive, as one behind `//`, or as a member of a JSON object. */
export function findSyntax(text: string): Directive | undefined {
  const { body, line } = withoutFront(text);
  return search('syntax', body, new DirectiveReader(line)) ?? search('syntax', body, new DirectiveReader(line, '//')) ?? ofJson(body, line);
}

function search(name: string, body: string, reader: DirectiveReader): Directive | undefined {
  try {
    for (const text of body.split(/\r?\n/)) {
      const found = reader.read(text);
      if (found?.name === name) return found;
      if (reader.ended) return undefined;
    }
  } catch {
    // Said again when the file is read as a Dockerfile.
  }
  return undefined;
}

function ofJson(body: string, line: number): Directive | undefined {
  if (!/^\s*\{/.test(body)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const syntax = Object.entries(value as object).find(([key]) => key === 'syntax')?.[1] as unknown;
  return typeof syntax === 'string' ? { name: 'syntax', word: syntax, value: syntax, line } : undefined;
}

/** Without the mark of UTF-8 and a `#!` line. */
function withoutFront(text: string): { readonly body: string; readonly line: number } {
  const plain = text.replace(/^\uFEFF/, '');
  return plain.startsWith('#!') ? { body: plain.replace(/^.*(\n|$)/, ''), line: 1 } : { body: plain, line: 0 };
}
