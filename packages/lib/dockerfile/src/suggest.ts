/** Further away than this is no slip of the hand. */
const NEAREST = 3;

/** The option that was probably meant; undefined where none is near, or the word is one of them. */
export function suggestion(word: string, options: Iterable<string>, caseSensitive = true): string | undefined {
  const given = caseSensitive ? word : word.toLowerCase();
  let best: string | undefined;
  let nearest = NEAREST;
  for (const option of options) {
    const candidate = caseSensitive ? option : option.toLowerCase();
    if (candidate === given) return undefined;
    const far = distance(given, candidate);
    if (far >= nearest) continue;
    nearest = far;
    best = caseSensitive ? candidate : caseOf(word, candidate);
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, options: Iterable<string>, caseSensitive = true): string {
  const found = suggestion(word, options, caseSensitive);
  return found === undefined ? '' : ` (did you mean ${found}?)`;
}

function caseOf(like: string, word: string): string {
  if (like === like.toLowerCase()) return word.toLowerCase();
  return like === like.toUpperCase() ? word.toUpperCase() : word;
}

/** How many characters must be put in, taken out or exchanged; NEAREST where it is that many or more. */
function distance(from: string, to: string): number {
  const [a, b] = [[...from], [...to]];
  if (Math.abs(a.length - b.length) >= NEAREST) return NEAREST;
  let row = b.map((_char, at) => at + 1);
  a.forEach((char, at) => {
    let left = at + 1;
    let corner = at;
    row = row.map((above, column) => {
      left = Math.min(left + 1, above + 1, corner + (char === b[column] ? 0 : 1));
      corner = above;
      return left;
    });
  });
  return Math.min(row.at(-1) ?? a.length, NEAREST);
}
