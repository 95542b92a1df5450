import type { ClientCommand } from './command';

/** `gantry exec-kill`: docker has a kill for containers only. */
export const execKill: ClientCommand = {
  name: 'exec-kill',
  summary: 'Send a signal to the processes of execs that run (docker inspect -f "{{.ExecIDs}}" tells which a container has)',
  usage: '[OPTIONS] EXEC [EXEC...]',
  least: 1,
  options: [{ name: 'signal', short: 's', value: 'string', help: 'signal to send (default SIGKILL)' }],
  async run(api, execs, options) {
    const signal = options.get('signal')?.at(-1) ?? '';
    for (const exec of execs) await api.call('POST', `/exec/${encodeURIComponent(exec)}/kill?signal=${encodeURIComponent(signal)}`);
    return { lines: execs, warnings: [] };
  },
};
