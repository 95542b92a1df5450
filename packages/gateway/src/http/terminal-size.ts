import { invalidArgument } from '@gantry/rpc';
import type { Query } from './query';

/** One side of a terminal, up to 65535 characters (winsize of ioctl_tty(2) has 16 bits). Errors: invalidArgument in the words of Go's strconv. */
export function terminalSize(query: Query, name: string, what: 'height' | 'width'): number {
  const value = query.text(name);
  const fail = (why: string): never => {
    throw invalidArgument(`invalid resize ${what} ${JSON.stringify(value)}: ${why}`);
  };
  if (!/^-?[0-9]+$/.test(value)) fail('invalid syntax');
  const number = Number(value);
  return value.startsWith('-') || number > 65535 ? fail('value out of range') : number;
}
