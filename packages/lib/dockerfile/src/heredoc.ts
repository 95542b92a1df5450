import { expand } from './expand';

/** A here-document: what stands between the line with `<<NAME` and the line NAME. */
export interface Heredoc {
  readonly name: string;
  /** `<<-`: tabs in front of its lines do not count. */
  readonly chomp: boolean;
  /** Variables in it are expanded: its name has no quotes. */
  readonly expand: boolean;
  readonly content: string;
}

const none = (): undefined => undefined;

/** The here-document that a word announces. */
export function heredocOf(word: string): Omit<Heredoc, 'content'> | undefined {
  const [, dash, rest = ''] = /^\d*<<(-?)\s*([^<]*)$/.exec(word) ?? [];
  if (dash === undefined || rest === '') return undefined;
  const [name, ...more] = expand(rest, { lookup: none, keepUnset: true }).words;
  if (name === undefined || more.length > 0) return undefined;
  const [raw = ''] = expand(rest, { lookup: none, keepUnset: true, keepQuotes: true }).words;
  return { name, chomp: dash === '-', expand: quotes(name) === quotes(raw) };
}

/** The here-documents that a line announces, in order. */
export function heredocsOf(line: string): readonly Omit<Heredoc, 'content'>[] {
  let words: readonly string[];
  try {
    ({ words } = expand(line, { lookup: none, keepUnset: true, keepQuotes: true, keepEscapes: true }));
  } catch {
    return []; // the shell will say what is wrong with the line
  }
  return words.flatMap((word) => heredocOf(word) ?? []);
}

const quotes = (text: string): number => text.replaceAll(/[^'"]/g, '').length;

/** Lines without the tabs in front. */
export function chomped(content: string): string {
  return content.replaceAll(/^\t+/gm, '');
}
