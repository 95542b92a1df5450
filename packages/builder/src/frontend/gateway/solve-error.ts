import { Solve } from '@gantry/api/errdefs/errdefs';
import { withDetail } from '@gantry/rpc';
import { execFailureOf } from '../../ops/exec/failure';
import { vertexOf } from '../../solver/step-error';
import type { OutcomeIds } from './results';

const SOLVE_URL = 'github.com/moby/buildkit/errdefs.Solve+json';

/** The failure of a step tells a frontend what the step was, and ids for the trees that it left: a debugger starts containers on them. */
export async function solving<T>(ids: OutcomeIds, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const vertex = vertexOf(error);
    const failure = execFailureOf(error);
    if (vertex === undefined && failure === undefined) throw error;
    const left = failure === undefined ? { inputs: [], mounts: [] } : ids.addLeft(failure);
    const solve = { inputIDs: left.inputs, mountIDs: left.mounts, op: vertex?.op, description: { ...vertex?.description } };
    throw withDetail(error, { typeUrl: SOLVE_URL, value: Buffer.from(JSON.stringify(Solve.toJSON(solve))) });
  }
}
