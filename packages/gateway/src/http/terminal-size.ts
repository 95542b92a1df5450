import { invalidArgument } from '@gantry/rpc';
import type { Query } from './query';

/** One side of a terminal, 1 to 65535 characters (winsize of ioctl_tty(2) has 16 bits). Errors: invalidArgument. */
export function terminalSize(query: Query, name: string, what: 'height' | 'width'): number {
  const value = query.text(name);
  const number = Number(value);
  if (!/^[0-9]+$/.test(value) || number > 65535) throw invalidArgument(`invalid resize ${what} ${JSON.stringify(value)}`);
  return number;
}
