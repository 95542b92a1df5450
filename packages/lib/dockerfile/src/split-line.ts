import type { Escape } from './lines';

/** A line's instruction: `NAME --flag=value … rest`. */
export interface SplitLine {
  readonly name: string;
  /** Words that begin with `--`, without their quotes. */
  readonly flags: readonly string[];
  readonly rest: string;
}

export function splitLine(line: string, escape: Escape = '\\'): SplitLine {
  const [, name = '', after = ''] = /^\s*(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
  const { flags, at } = leadingFlags(after, escape);
  return { name, flags, rest: after.slice(at).trim() };
}

/** Flags in front; a lone `--` ends them. */
function leadingFlags(text: string, escape: Escape): { readonly flags: string[]; readonly at: number } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++;
    if (!text.startsWith('--', at)) return { flags, at };
    const { word, end } = flagWord(text, at, escape);
    at = end;
    if (word === '--') return { flags, at };
    flags.push(word);
  }
}

function flagWord(text: string, from: number, escape: Escape): { readonly word: string; readonly end: number } {
  let word = '';
  let quote = '';
  let at = from;
  for (; at < text.length && (quote !== '' || !/\s/.test(text[at] ?? '')); at++) {
    const char = text[at] ?? '';
    if (char === escape) word += text[++at] ?? '';
    else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else word += char;
  }
  return { word, end: at };
}
