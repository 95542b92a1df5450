import { failedPrecondition } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { loadState, statusOf } from '../state';

export const resume: Verb = {
  usage: 'resume ID',
  help: 'let a paused container go on',
  async run(context, words) {
    const [id] = positional(parseFlags(words, {}).rest, ['ID']);
    const state = loadState(context.root, id as string);
    if ((await statusOf(context.root, state, context.cgroups)) !== 'paused') throw failedPrecondition('container not paused');
    await context.cgroups.thaw(state.cgroup);
    return 0;
  },
};
