import { failedPrecondition, isErrorOf } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { destroy } from '../destroy';
import { forget, loadState, statusOf, type StoredState } from '../state';

const flags = { force: { kind: 'boolean', short: 'f', help: 'kill it when it still runs; no error when there is none' } } as const;

export const remove: Verb = {
  usage: 'delete [--force] ID',
  help: 'delete what a container left',
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    let state: StoredState;
    try {
      state = loadState(context.root, id as string);
    } catch (error) {
      if (!values.force || !isErrorOf(error, 'notFound')) throw error;
      forget(context.root, id as string);
      return 0;
    }
    const status = await statusOf(context.root, state, context.cgroups);
    /* One that was only created runs too, as the specification counts (runtime.md, "Delete"). */
    if (!values.force && (status === 'created' || status === 'running' || status === 'paused'))
      throw failedPrecondition(`cannot delete container ${state.id} that is not stopped: ${status}`);
    await destroy(context, state);
    return 0;
  },
};
