import type { DiffOp } from '@gantry/api/pb/ops';
import { internal } from '@gantry/rpc';
import type { Ref, Refs } from '../../refs/ref';
import type { Op, OpMaker } from '../../solver/op';
import { digest } from '../file/selectors';

/** An input of -1 is scratch. */
const NONE = -1n;

/** Makes the ops that take what one tree has against another. */
export function diffOps(refs: Pick<Refs, 'diff'>): OpMaker<DiffOp> {
  return ({ lower, upper }, about): Op => {
    const said = [lower?.input ?? NONE, upper?.input ?? NONE].map(Number);
    return {
      weight: 0,
      async *cacheMaps() {
        yield await Promise.resolve({
          digest: digest(JSON.stringify(['gantry.diff.v0', said])),
          inputs: Array.from({ length: about.inputs }, () => ({})),
        });
      },
      run: async (step, trees) => {
        const tree = (input: number | undefined): Ref | undefined => {
          if (input === undefined || input === Number(NONE)) return undefined;
          if (input >= trees.length) throw internal(`input ${input} of a diff is missing`);
          return trees[input];
        };
        return [await refs.diff(step.call, tree(said[0]), tree(said[1]), { description: about.name })];
      },
    };
  };
}
