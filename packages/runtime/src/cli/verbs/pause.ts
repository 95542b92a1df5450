import { failedPrecondition } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { loadState, statusOf } from '../state';

export const pause: Verb = {
  usage: 'pause ID',
  help: 'stop every process of a container for a while',
  async run(context, words) {
    const [id] = positional(parseFlags(words, {}).rest, ['ID']);
    const state = loadState(context.root, id as string);
    const status = await statusOf(context.root, state, context.cgroups);
    if (status !== 'running' && status !== 'created') throw failedPrecondition(`container not running or created: ${status}`);
    await context.cgroups.freeze(state.cgroup);
    return 0;
  },
};
