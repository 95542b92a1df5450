import { type About, type Output, settled, type Tree } from './graph';

/** Trees laid over each other, later ones on top. Scratch adds nothing. */
export function merge(trees: readonly Tree[], about: About): Tree {
  const inputs = trees.filter((tree) => typeof tree === 'function' || tree !== undefined);
  if (inputs.length < 2) return inputs[0];
  const vertex = {
    inputs,
    op: (index: (tree: Tree) => bigint) => ({ merge: { inputs: inputs.map((tree) => ({ input: index(tree) })) } }),
    about: { ...about, caps: [...(about.caps ?? []), 'mergeop'] },
  };
  return { vertex, index: 0 } satisfies Output;
}

/** What `upper` has that `lower` has not. */
export function diff(lower: Tree, upper: Tree, about: About): Tree {
  if (settled(lower) === undefined) return upper;
  const vertex = {
    inputs: [lower, upper],
    op: (index: (tree: Tree) => bigint) => ({ diff: { lower: { input: index(lower) }, upper: { input: index(upper) } } }),
    about: { ...about, caps: [...(about.caps ?? []), 'diffop'] },
  };
  return { vertex, index: 0 } satisfies Output;
}
