import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { createContainer, createFlags, unableToStart } from '../create-container';
import { destroy } from '../destroy';
import { waitInForeground } from '../foreground';
import { runHooks } from '../hooks';
import { isNotRunnable } from '../not-runnable';
import { steps } from '../steps';

const flags = {
  ...createFlags,
  detach: { kind: 'boolean', short: 'd', help: 'leave once it runs' },
  keep: { kind: 'boolean', help: 'do not delete the container when it ended' },
} as const;

export const run: Verb = {
  usage: 'run [flags] ID',
  help: 'create and start a container',
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const { state, launch } = await createContainer(context, id as string, values, values.detach ? 'detach' : 'foreground');
    launch.start();
    try {
      await launch.started;
      context.log.debug(steps.entered(state.id));
      await runHooks('poststart', state.spec, { id: state.id, pid: state.pid, bundle: state.bundle, status: 'running' });
    } catch (error) {
      await destroy(context, state);
      throw isNotRunnable(error) ? error : unableToStart(error);
    }
    const code = values.detach ? await launch.ended : await waitInForeground(launch, state.pid);
    if (!values.detach && !values.keep) await destroy(context, state);
    return code;
  },
};
