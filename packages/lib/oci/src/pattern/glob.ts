/** A pattern of Go's path.Match as a regular expression of RE2 without anchors; undefined when it is none. */
export function globExpression(glob: string): string | undefined {
  const chars = [...glob];
  let at = 0;
  let out = '';
  while (at < chars.length) {
    const char = chars[at++] ?? '';
    if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (char === '[') {
      const found = classAt(chars, at);
      if (found === undefined) return undefined;
      out += found.expression;
      at = found.end;
    } else if (char === '\\') {
      const escaped = chars[at++];
      if (escaped === undefined) return undefined;
      out += literal(escaped);
    } else out += literal(char);
  }
  return out;
}

/** What stands behind a `[`: at least one character or range, then `]`. */
function classAt(chars: readonly string[], start: number): { expression: string; end: number } | undefined {
  let at = start;
  const negated = chars[at] === '^';
  if (negated) at += 1;
  const ranges: string[] = [];
  let any = false;
  const next = (): string | undefined => {
    let char = chars[at++];
    if (char === '-' || char === ']') return undefined;
    if (char === '\\') char = chars[at++];
    return char;
  };
  while (!(any && chars[at] === ']')) {
    const low = next();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (chars[at] === '-') {
      at += 1;
      high = next();
      if (high === undefined) return undefined;
    }
    any = true;
    if (point(low) <= point(high)) ranges.push(`${literal(low)}-${literal(high)}`);
  }
  // A class of empty ranges holds nothing: its negation holds everything.
  const expression = ranges.length > 0 ? `[${negated ? '^' : ''}${ranges.join('')}]` : negated ? '(?s:.)' : '[^\\x{0}-\\x{10FFFF}]';
  return { expression, end: at + 1 };
}

const point = (char: string): number => char.codePointAt(0) ?? 0;

function literal(char: string): string {
  return /^[\w/]$/.test(char) ? char : `\\x{${point(char).toString(16)}}`;
}
