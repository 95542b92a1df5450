import { parseFlags, positional } from '../arguments';
import type { PlannedVerb } from '../context';
import { createContainer, createFlags } from '../create-container';

const flags = {
  ...createFlags,
  detach: { kind: 'boolean', short: 'd', help: 'leave once it runs' },
  keep: { kind: 'boolean', help: 'do not delete the container when it ended' },
} as const;

/** Up to the container that waits for start: the C half starts it, waits and deletes (packages/native/cli/planned.c). */
export const run: PlannedVerb = {
  usage: 'run [flags] ID',
  help: 'create and start a container',
  async plan(context, words, launcher) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    await createContainer(context, launcher, id as string, values, values.detach ? 'detach' : 'foreground');
    return 0;
  },
};
