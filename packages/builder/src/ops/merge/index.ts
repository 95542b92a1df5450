import type { MergeOp } from '@gantry/api/pb/ops';
import type { Refs } from '../../refs/ref';
import type { Op, OpMaker } from '../../solver/op';
import { digest } from '../file/selectors';

/** Makes the ops that lay trees over one another. Nothing is laid out before somebody mounts the outcome. */
export function mergeOps(refs: Pick<Refs, 'merge'>): OpMaker<MergeOp> {
  return ({ inputs }, about): Op => ({
    weight: 0,
    async *cacheMaps() {
      yield await Promise.resolve({
        digest: digest(JSON.stringify(['gantry.merge.v0', inputs.map(({ input }) => Number(input))])),
        inputs: Array.from({ length: about.inputs }, () => ({})),
      });
    },
    run: async (step, trees) => [
      await refs.merge(
        step.call,
        inputs.map(({ input }) => trees[Number(input)]),
        { description: about.name },
      ),
    ],
  });
}
