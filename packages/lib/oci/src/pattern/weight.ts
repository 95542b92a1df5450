/**
 * The pieces of an expression: quoted text, an escape of one thing (\x{1F600}, \p{Greek}, \123, \d), a class, a repetition with its two
 * numbers, the opening of a group with its flags or name, or one character.
 */
const PIECES =
  /\\Q[\s\S]*?(?:\\E|$)|\\(?:x\{[^}]*\}|x..|[pP]\{[^}]*\}|[pP].|[0-7]{1,3}|[\s\S])|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|\((?:\?(?:P?<\w+>|[a-zA-Z-]*:|[a-zA-Z-]+(?=\))))?|[\s\S]/g;

/** One level of parentheses: the size of all that is in it, and of the last thing, which a repetition multiplies. */
interface Level {
  total: number;
  last: number;
}

/**
 * How many things counted repetitions add to a regular expression when they are written out: `a{3}` is `aaa` and adds 2. The engine
 * writes them out, so its work grows with this number, not with the length of the pattern.
 */
export function expansion(source: string): number {
  const outer: Level[] = [];
  let level: Level = { total: 0, last: 0 };
  let things = 0;
  const add = (size: number): void => {
    level = { total: level.total + size, last: size };
  };
  for (const [piece, least, most] of source.matchAll(PIECES)) {
    if (least !== undefined) {
      const times = Math.max(1, Number(least), Number(most ?? 0));
      level = { total: level.total + level.last * (times - 1), last: level.last * times };
    } else if (piece.startsWith('(')) {
      outer.push(level);
      level = { total: 0, last: 0 };
    } else if (piece === ')' && outer.length > 0) {
      const { total } = level;
      level = outer.pop() ?? level;
      add(total);
    } else if (!['*', '+', '?'].includes(piece)) {
      const size = piece.startsWith('\\Q') ? piece.length : 1;
      things += size;
      add(size);
    }
  }
  return outer.reduce((sum, { total }) => sum + total, level.total) - things;
}
