import type { Solve } from '@gantry/api/errdefs/errdefs';
import { asGantryError, GantryError, isError } from '@gantry/rpc';
import type { Ref } from '../refs/ref';

/** Trees that a failed step left, for those who want to look into it. Undefined is scratch, or what has no tree. */
export interface LeftTrees {
  /** What the step stood on: of a process by mount, of file actions by input, of a key that hangs on files the input whose files they are. */
  readonly inputs: readonly (Ref | undefined)[];
  /** What had come of it: of a process by mount, of file actions by action. */
  readonly mounts: readonly (Ref | undefined)[];
  /** Which part of the step failed, where not all of it did: a file action, or the files of an input. */
  readonly subject?: Pick<Solve, 'file' | 'cache'>;
}

const left = new WeakMap<Error, LeftTrees>();
const taken = new WeakSet<LeftTrees>();

/** The failure with what it left. Whoever wraps it need not know of that: it is found through the chain of causes. The holds go to who takes them first. */
export function leaving(thrown: unknown, trees: LeftTrees): GantryError {
  const { kind, message, meta } = asGantryError(thrown);
  const told = new GantryError(kind, message, { cause: thrown, meta });
  left.set(told, trees);
  return told;
}

/** What is left by the failure that an error is, or comes of. Held by those who took it. */
export function leftBy(thrown: unknown): LeftTrees | undefined {
  for (let error = thrown; isError(error); error = error.cause) {
    const trees = left.get(error);
    if (trees !== undefined) return trees;
    if (error.cause === error) break;
  }
  return undefined;
}

/** Holds of all that is left, given to the caller: a step takes them for as long as builds have it, and so does one that failed with it. */
export function takeLeft(thrown: unknown): readonly Ref[] {
  const trees = leftBy(thrown);
  if (trees === undefined) return [];
  const refs = [...trees.inputs, ...trees.mounts].filter((ref) => ref !== undefined);
  if (taken.has(trees)) return refs.map((ref) => ref.clone());
  taken.add(trees);
  return refs;
}
