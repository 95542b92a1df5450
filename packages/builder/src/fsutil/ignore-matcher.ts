import { type Pattern, compileGlob } from '@gantry/oci/pattern';

/** Says which paths of a context a .dockerignore leaves out. */
export class IgnoreMatcher {
  private readonly rules: readonly { readonly invert: boolean; readonly parts: readonly Part[] }[];

  constructor(patterns: readonly string[]) {
    this.rules = patterns
      .filter((pattern) => pattern !== '')
      .map((pattern) => {
        const invert = pattern.startsWith('!');
        const parts = (invert ? pattern.slice(1) : pattern).split('/').map(partOf);
        // `a/**` is what is in the folder, not the folder itself.
        return { invert, parts: parts.at(-1) === 'any' ? [...parts, partOf('*')] : parts };
      });
  }

  /** Is this path, or a folder that it is in, left out? The last pattern that says something counts. */
  matches(path: string): boolean {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    let matched = false;
    for (const { invert, parts: rule } of this.rules) {
      if (invert !== matched) continue;
      if (matchesPrefix(rule, parts)) matched = !invert;
    }
    return matched;
  }
}

/** One name of a path, or any number of them (`**`). */
type Part = 'any' | Pattern;

const partOf = (text: string): Part => (text === '**' ? 'any' : compileGlob(text.replaceAll('**', '*')));

/** Do the first names of the path, some or all, match? Counted in rule times path. */
function matchesPrefix(rule: readonly Part[], path: readonly string[]): boolean {
  let states = closure(rule, [0]);
  if (path.length > 0 && states.has(rule.length)) return true;
  for (const name of path) {
    const next: number[] = [];
    for (const state of states) {
      const part = rule[state];
      if (part === 'any') next.push(state);
      else if (part?.test(name) === true) next.push(state + 1);
    }
    states = closure(rule, next);
    if (states.has(rule.length)) return true;
  }
  return false;
}

/** `**` may also stand for no name. */
function closure(rule: readonly Part[], states: readonly number[]): Set<number> {
  const all = new Set<number>();
  for (const first of states)
    for (let state = first; !all.has(state); state++) {
      all.add(state);
      if (rule[state] !== 'any') break;
    }
  return all;
}
