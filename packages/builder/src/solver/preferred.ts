import type { FoundResult } from './key-store';

/** In a step's description: ids of trees, with blanks between. Of several results of its key those come first, in their order; they say nothing of what its key is. */
export const PREFERRED_TREES = 'gantry.build.preferred-trees';

export function preferredFirst(
  { description }: { readonly description: Readonly<Record<string, string>> },
  results: readonly FoundResult[],
): readonly FoundResult[] {
  const said = description[PREFERRED_TREES];
  if (said === undefined || results.length < 2) return results;
  const trees = said.split(' ');
  const rank = ({ id }: FoundResult): number => (trees.includes(id) ? trees.indexOf(id) : trees.length);
  return [...results].sort((a, b) => rank(a) - rank(b));
}
