import { invalidArgument } from '@gantry/rpc/errors';
import { DirectiveReader } from './directives';
import { type Heredoc, heredocsOf } from './heredoc';
import { atLines, type Lines, within } from './location';
import { jsonList } from './parse/forms';
import { checkSyntax } from './parse/syntax';
import { splitLine } from './split-line';

/** The character that quotes the next one and lets a line go on. */
export type Escape = '\\' | '`';

/** An instruction as it was written, put together from its lines. */
export interface Line extends Lines {
  readonly text: string;
  readonly name: string;
  readonly flags: readonly string[];
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
  /** Comments right above, without their `#`. */
  readonly comments: readonly string[];
}

export interface FileLines {
  readonly lines: readonly Line[];
  readonly escape: Escape;
  /** Where instructions end that have an empty line between their lines. */
  readonly emptyContinuations: readonly number[];
}

/** Longest line taken, with its end. */
const LINE_LIMIT = 65_536;

/** The instructions of a file. Errors: invalidArgument, with the lines they are about. */
export function readLines(text: string): FileLines {
  return new Reader(text).read();
}

class Reader {
  private readonly raw: readonly string[];
  /** Lines read so far, which is also the number of the line read last. */
  private at = 0;
  private escape: Escape = '\\';
  private readonly directives = new DirectiveReader();
  private comments: string[] = [];
  private readonly lines: Line[] = [];
  private readonly emptyContinuations: number[] = [];

  constructor(text: string) {
    this.raw = text.replace(/^\uFEFF/, '').match(/[^\n]*\n|[^\n]+$/g) ?? [];
  }

  read(): FileLines {
    for (let raw = this.next(); raw !== undefined; raw = this.next()) this.begin(raw);
    if (this.lines.length === 0) throw atLines(invalidArgument('file with no instructions'), single(this.at));
    if (this.at < this.raw.length)
      throw atLines(invalidArgument(`dockerfile line greater than max allowed size of ${LINE_LIMIT - 1}`), single(this.at));
    return { lines: this.lines, escape: this.escape, emptyContinuations: this.emptyContinuations };
  }

  private next(): string | undefined {
    const raw = this.raw[this.at];
    if (raw === undefined || Buffer.byteLength(raw) > LINE_LIMIT) return undefined;
    this.at++;
    return raw;
  }

  private begin(raw: string): void {
    const line = withoutEnd(raw).trimStart();
    const comment = line.startsWith('#');
    const directive = within(single(this.at - 1), () => this.directives.read(line));
    if (directive?.name === 'escape') this.escape = within(single(this.at - 1), () => escapeOf(directive.value));
    if (comment) {
      const words = withoutEnd(raw).slice(1).trim();
      if (words === '') this.comments = [];
      else if (directive === undefined) this.comments.push(words);
    }
    if (comment || line === '') return;
    const start = this.at;
    const { text, emptyContinuation } = this.join(line);
    if (emptyContinuation) this.emptyContinuations.push(this.at);
    try {
      this.lines.push(this.instruction(text, start));
    } catch (error) {
      throw atLines(error, { start, end: this.at });
    }
    this.comments = [];
  }

  /** Takes the lines that the first one goes on in. */
  private join(first: string): { readonly text: string; readonly emptyContinuation: boolean } {
    let emptyContinuation = false;
    let { part, goesOn } = this.trimmed(first);
    let text = part;
    while (goesOn) {
      const raw = this.next();
      if (raw === undefined) break;
      if (raw.trimStart().startsWith('#')) continue;
      if (raw.trim() === '') {
        emptyContinuation = true;
        continue;
      }
      ({ part, goesOn } = this.trimmed(withoutEnd(raw)));
      text += part;
    }
    return { text, emptyContinuation };
  }

  /** An escape at the end lets the line go on, unless it is escaped itself. */
  private trimmed(line: string): { part: string; goesOn: boolean } {
    const plain = line.replace(/[ \t]+$/, '');
    const goesOn = plain.endsWith(this.escape) && plain.at(-2) !== this.escape;
    return goesOn ? { part: plain.slice(0, -1), goesOn } : { part: line, goesOn };
  }

  private instruction(text: string, start: number): Line {
    const { name, flags, rest } = splitLine(text, this.escape);
    checkSyntax(name, rest, this.escape);
    const heredocs = text.includes('<<') && takesHeredocs(name, rest, this.escape) ? heredocsOf(text).map((doc) => this.heredoc(doc)) : [];
    return { text, name, flags, rest, heredocs, comments: this.comments, start, end: this.at };
  }

  private heredoc(doc: Omit<Heredoc, 'content'>): Heredoc {
    const lines: string[] = [];
    for (let raw = this.next(); raw !== undefined; raw = this.next()) {
      const plain = raw.replace(/[\r\n]+$/, '');
      if ((doc.chomp ? plain.replace(/^\t+/, '') : plain) === doc.name) return { ...doc, content: lines.join('') };
      lines.push(raw);
    }
    throw invalidArgument('unterminated heredoc');
  }
}

const single = (line: number): Lines => ({ start: line, end: line });

const withoutEnd = (raw: string): string => raw.replace(/[\r\n]+$/, '');

function escapeOf(value: string): Escape {
  if (value === '\\' || value === '`') return value;
  throw invalidArgument(`invalid escape token '${value}' does not match \` or \\`);
}

function takesHeredocs(name: string, rest: string, escape: Escape): boolean {
  const lower = name.toLowerCase();
  if (lower === 'onbuild') {
    const inner = splitLine(rest, escape);
    return inner.name.toLowerCase() !== 'onbuild' && takesHeredocs(inner.name, inner.rest, escape);
  }
  return ['add', 'copy', 'run'].includes(lower) && jsonList(rest) === undefined;
}
