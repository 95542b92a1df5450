import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { createContainer, createFlags } from '../create-container';

export const create: Verb = {
  usage: 'create [flags] ID',
  help: 'make a container; its process waits for start',
  async run(context, words) {
    const { values, rest } = parseFlags(words, createFlags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const { launch } = await createContainer(context, id as string, values, 'no');
    await launch.ended;
    return 0;
  },
};
