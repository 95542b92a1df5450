import { Solve } from '@gantry/api/errdefs/errdefs';
import { asGantryError, GantryError, withDetail } from '@gantry/rpc';
import { leftBy } from '../../failure/left-trees';
import { vertexOf } from '../../solver/step-error';
import type { OutcomeIds } from './results';

const SOLVE_URL = 'github.com/moby/buildkit/errdefs.Solve+json';

/**
 * The failure of a step tells a frontend what the step was, which part of it failed, and ids for the trees that it left: a debugger starts containers on them. It
 * is told with an error of its own: the step's is that of all builds that have it, and the ids are this frontend's.
 */
export async function solving<T>(ids: OutcomeIds, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const vertex = vertexOf(thrown);
    const left = leftBy(thrown);
    if (vertex === undefined && left === undefined) throw thrown;
    const { inputs, mounts } = ids.addLeft(left ?? { inputs: [], mounts: [] });
    const solve = { inputIDs: inputs, mountIDs: mounts, op: vertex?.op, description: { ...vertex?.description }, ...left?.subject };
    const { kind, message, meta } = asGantryError(thrown);
    const told = new GantryError(kind, message, { cause: thrown, meta });
    throw withDetail(told, { typeUrl: SOLVE_URL, value: Buffer.from(JSON.stringify(Solve.toJSON(solve))) });
  }
}
