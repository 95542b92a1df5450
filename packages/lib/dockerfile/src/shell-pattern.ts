/** A part of a pattern: one character, any one (`?`), or any number of any (`*`). */
type Part = { readonly kind: 'one' | 'any' } | { readonly kind: 'char'; readonly char: string };

/** A pattern of a shell's `${name#pattern}`. Steps are counted in pattern times text: no pattern of a client's is slow. */
export class ShellPattern {
  private readonly parts: readonly Part[];

  constructor(pattern: string) {
    const parts: Part[] = [];
    const chars = [...pattern];
    for (let at = 0; at < chars.length; at++) {
      const char = chars[at] ?? '';
      if (char === '*') parts.push({ kind: 'any' });
      else if (char === '?') parts.push({ kind: 'one' });
      else parts.push({ kind: 'char', char: char === '\\' ? escaped(pattern, chars[++at]) : char });
    }
    this.parts = parts;
  }

  /** Lengths of all matches that begin at `from`, shortest first. */
  private lengths(text: readonly string[], from: number): number[] {
    const { parts } = this;
    let here = this.closure([0]);
    const found: number[] = [];
    for (let at = from; ; at++) {
      if (here.has(parts.length)) found.push(at - from);
      const char = text[at];
      if (char === undefined || here.size === 0) return found;
      const next: number[] = [];
      for (const state of here) {
        const part = parts[state];
        if (part?.kind === 'any' && char !== '\n') next.push(state);
        else if ((part?.kind === 'one' && char !== '\n') || (part?.kind === 'char' && part.char === char)) next.push(state + 1);
      }
      here = this.closure(next);
    }
  }

  /** `*` may also match nothing. */
  private closure(states: readonly number[]): Set<number> {
    const all = new Set<number>();
    for (const first of states)
      for (let state = first; !all.has(state); state++) {
        all.add(state);
        if (this.parts[state]?.kind !== 'any') break;
      }
    return all;
  }

  withoutPrefix(value: string, longest: boolean): string {
    const text = [...value];
    const length = (longest ? this.lengths(text, 0).at(-1) : this.lengths(text, 0)[0]) ?? 0;
    return text.slice(length).join('');
  }

  withoutSuffix(value: string, longest: boolean): string {
    const text = [...value];
    const starts = text.map((_char, at) => at).concat(text.length);
    for (const at of longest ? starts : starts.reverse())
      if (this.lengths(text, at).includes(text.length - at)) return text.slice(0, at).join('');
    return value;
  }

  /** The longest match at the first place that has one, or at all places. */
  replace(value: string, by: string, all: boolean): string {
    const text = [...value];
    let out = '';
    let done = false;
    for (let at = 0; at < text.length;) {
      const length = done ? 0 : (this.lengths(text, at).at(-1) ?? 0);
      if (length === 0) out += text[at++] ?? '';
      else {
        out += by;
        at += length;
        done = !all;
      }
    }
    return out;
  }
}

/** Wildcards, and what would end the substitution, can be escaped; nothing else. */
function escaped(pattern: string, char: string | undefined): string {
  if (char !== undefined && '*?\\}/'.includes(char)) return char;
  throw new SyntaxError(`invalid pattern (${pattern}) in substitution: invalid escape '\\${char ?? '\uFFFD'}'`);
}
