import type { ExecRequest } from '../runtime';

/** A command that is to be run, with its output alone unless more is asked for. */
export const wish = (command: string, change: Partial<ExecRequest> = {}): ExecRequest => ({
  containerId: 'c1',
  command: command.split(' '),
  tty: false,
  stdin: false,
  stdout: true,
  stderr: false,
  ...change,
});
