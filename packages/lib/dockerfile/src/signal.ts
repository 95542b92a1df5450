import { constants } from 'node:os';

/** Is this a signal as STOPSIGNAL takes it: a number, a name with or without SIG, RTMIN+n, RTMAX-n? */
export function isSignal(text: string): boolean {
  if (/^[0-9]+$/.test(text)) return Number(text) > 0 && Number(text) <= 64;
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(name);
  if (realTime === null) return Object.hasOwn(constants.signals, `SIG${name}`);
  const [, end, sign = '', count = '0'] = realTime;
  return Number(count) === 0 || (sign === (end === 'MIN' ? '+' : '-') && Number(count) <= 30);
}
