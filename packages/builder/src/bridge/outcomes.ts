import type { Definition } from '@gantry/api/pb/ops';
import type { CallContext } from '@gantry/rpc';
import type { Outcome } from '../frontend/frontend';
import type { Solved } from '../solver';

/** An outcome of this builder's, with what it came to. */
interface Own extends Outcome {
  solved: Solved | undefined;
}

const own = new WeakMap<Outcome, Own>();

/** The outcome of a definition, solved whenever somebody asks: what is known already is not worked out again. */
export function makeOutcome(definition: Definition, solve: (ctx: CallContext) => Promise<Solved>): Outcome {
  const outcome: Own = {
    definition,
    solved: undefined,
    async tree(ctx) {
      outcome.solved = await solve(ctx);
      return outcome.solved.ref;
    },
  };
  own.set(outcome, outcome);
  return outcome;
}

/** The step that an outcome is of; undefined before it was solved, for scratch, and for outcomes of others' making. */
export function solvedOf(outcome: Outcome): Pick<Solved, 'step' | 'index'> | undefined {
  return own.get(outcome)?.solved;
}
