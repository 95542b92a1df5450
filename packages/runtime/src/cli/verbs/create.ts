import { parseFlags, positional } from '../arguments';
import type { PlannedVerb } from '../context';
import { createContainer, createFlags } from '../create-container';

export const create: PlannedVerb = {
  usage: 'create [flags] ID',
  help: 'make a container; its process waits for start',
  async plan(context, words, launcher) {
    const { values, rest } = parseFlags(words, createFlags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    await createContainer(context, launcher, id as string, values, 'no');
    return 0;
  },
};
