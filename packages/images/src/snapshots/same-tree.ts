import type { Labels } from '../store/labels';

/** containerd's label of a snapshot that is being made: the name it will have. */
const TARGET = 'containerd.io/snapshot.ref';
/**
 * Beside it: a committed snapshot whose own layer is what that one is to hold. A snapshotter that can show one tree under two names makes it at once and answers that
 * it is there, as one does that had the layer all along; any other goes on as if nothing was said.
 */
export const SAME_TREE = 'gantry.io/snapshot.same-tree';

export interface ShownAs {
  readonly target: string;
  readonly source: string;
  /** Those that the snapshot gets. */
  readonly labels: Labels;
}

export function shownAs(labels: Labels): ShownAs | undefined {
  const { [TARGET]: target, [SAME_TREE]: source, ...rest } = labels;
  return target === undefined || source === undefined ? undefined : { target, source, labels: { ...rest, [TARGET]: target } };
}
