import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { loadState, statusOf } from '../state';

export const state: Verb = {
  usage: 'state ID',
  help: 'print the state of a container as JSON',
  async run(context, words) {
    const [id] = positional(parseFlags(words, {}).rest, ['ID']);
    const stored = loadState(context.root, id as string);
    const status = await statusOf(context.root, stored, context.cgroups);
    context.print(
      `${JSON.stringify(
        {
          ociVersion: stored.spec.ociVersion,
          id: stored.id,
          pid: status === 'stopped' ? 0 : stored.pid,
          status,
          bundle: stored.bundle,
          rootfs: stored.rootfs,
          created: stored.created,
          ...(stored.spec.annotations ? { annotations: stored.spec.annotations } : {}),
          owner: '',
        },
        undefined,
        2,
      )}\n`,
    );
    return 0;
  },
};
