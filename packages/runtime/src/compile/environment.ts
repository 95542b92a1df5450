/**
 * The environment as the program gets it: of several settings of one name the last one counts, at its place; an empty HOME counts as none,
 * so that the user's home is found.
 */
export function lastOfEach(env: readonly string[]): string[] {
  const last = new Map<string, number>();
  env.forEach((pair, i) => last.set(nameOf(pair), i));
  return env.filter((pair, i) => last.get(nameOf(pair)) === i && pair !== 'HOME=');
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return at < 0 ? pair : pair.slice(0, at);
}
