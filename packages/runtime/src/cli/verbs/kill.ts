import { constants } from 'node:os';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { isAlive, loadState } from '../state';

const flags = { all: { kind: 'boolean', short: 'a', help: 'signal every process of the container' } } as const;

export const kill: Verb = {
  usage: 'kill [--all] ID [SIGNAL]',
  help: "signal a container's first process (default SIGTERM)",
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id, text] = positional(rest, ['ID', 'SIGNAL'], 1);
    const signal = parseSignal(text ?? 'SIGTERM');
    const state = loadState(context.root, id as string);
    const ownPids = (state.spec.linux?.namespaces ?? []).some((n) => n.type === 'pid' && !n.path);
    if (values.all || (signal === constants.signals.SIGKILL && !ownPids)) {
      await context.cgroups.killAll(state.cgroup, signal);
      return 0;
    }
    if (!isAlive(state)) throw failedPrecondition('container not running');
    process.kill(state.pid, signal);
    /* A frozen process dies only when it is thawed. */
    if (signal === constants.signals.SIGKILL && (await context.cgroups.frozen(state.cgroup).catch(() => false)))
      await context.cgroups.thaw(state.cgroup);
    return 0;
  },
};

/** A number or a name with or without SIG. */
export function parseSignal(text: string): number {
  const realtime = /^(?:SIG)?RTM(IN\+|AX-)(\d+)$/i.exec(text);
  const number = /^\d+$/.test(text)
    ? Number(text)
    : realtime
      ? /^in/i.test(realtime[1] ?? '')
        ? 34 + Number(realtime[2])
        : 64 - Number(realtime[2])
      : named(text);
  if (number === undefined || number < 0 || number > 64) throw invalidArgument(`unknown signal "${text}"`);
  return number;
}

function named(text: string): number | undefined {
  const upper = text.toUpperCase();
  return (constants.signals as Readonly<Record<string, number>>)[upper.startsWith('SIG') ? upper : `SIG${upper}`];
}
