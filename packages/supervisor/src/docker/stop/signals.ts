import { constants } from 'node:os';
import { invalidArgument } from '@gantry/rpc';

const RTMIN = 34;
const RTMAX = 64;

/** Reads a signal as docker does: number, name, name without SIG, RTMIN+n, RTMAX-n. Throws invalidArgument. */
export function parseSignal(text: string): number {
  if (/^[0-9]+$/.test(text)) {
    const number = Number(text);
    if (number < 1) throw invalidArgument(`invalid signal: ${text}`);
    if (number > RTMAX) throw invalidArgument(`the linux daemon does not support signal ${text}`);
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const number = (realTime[1] === 'MIN' ? RTMIN : RTMAX) + Number(`${realTime[2] ?? '+'}${realTime[3] ?? '0'}`);
    if (number >= RTMIN && number <= RTMAX) return number;
  }
  const known = (constants.signals as Readonly<Record<string, number | undefined>>)[`SIG${name}`];
  if (known === undefined) throw invalidArgument(`invalid signal: ${text}`);
  return known;
}

/** How long a stop waits (seconds) when nothing else is said, and its signal. */
export const DEFAULT_STOP_TIMEOUT = 10;
export const DEFAULT_STOP_SIGNAL = 'SIGTERM';
