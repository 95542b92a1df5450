import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments, Healthcheck } from '../instruction';
import { quoted } from '../quote';
import { parseFlags } from './flags';
import { commandOf, noFlags } from './forms';

/** `HEALTHCHECK [--interval=5s …] CMD …` or `HEALTHCHECK NONE`. */
export function parseHealthcheck(given: Arguments): Healthcheck | 'none' {
  const [, word = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(given.rest) ?? [];
  switch (word.toUpperCase()) {
    case '':
      throw invalidArgument('HEALTHCHECK requires at least one argument');
    case 'NONE':
      noFlags(given);
      if (rest !== '') throw invalidArgument('HEALTHCHECK NONE takes no arguments');
      return 'none';
    case 'CMD': {
      const times = parseFlags(given.flags, FLAGS);
      const command = commandOf(rest);
      if (command.form === 'exec' ? command.words.length === 0 : command.text === '')
        throw invalidArgument('Missing command after HEALTHCHECK CMD');
      return {
        command,
        interval: nanoseconds('interval', times.interval),
        timeout: nanoseconds('timeout', times.timeout),
        startPeriod: nanoseconds('start-period', times['start-period']),
        startInterval: nanoseconds('start-interval', times['start-interval']),
        retries: retries(times.retries),
      };
    }
    default:
      parseFlags(given.flags, FLAGS);
      throw invalidArgument(`Unknown type ${quoted(word.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}

const FLAGS = { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' } as const;

function retries(text = ''): number {
  if (text === '') return 0;
  if (!/^[+-]?\d+$/.test(text)) throw invalidArgument(`strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  const count = Number(text);
  if (Math.abs(count) > 0x7fffffff) throw invalidArgument(`strconv.ParseInt: parsing ${quoted(text)}: value out of range`);
  if (count < 0) throw invalidArgument(`--retries cannot be negative (${count})`);
  return count;
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, μs: 1e3, ns: 1 };

/** A duration as Go writes it, such as 1m30s; empty or 0: the default. */
function nanoseconds(flag: string, text = ''): number {
  const unsigned = text.replace(/^[+-]/, '');
  if (text === '' || unsigned === '0') return 0;
  if (/^(\d+\.?\d*|\.\d+)$/.test(unsigned)) throw invalidArgument(`time: missing unit in duration ${quoted(text)}`);
  if (!/^((\d+(\.\d*)?|\.\d+)(h|ms|us|\u00b5s|\u03bcs|ns|m|s))+$/.test(unsigned))
    throw invalidArgument(`time: invalid duration ${quoted(text)}`);
  const parts = unsigned.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ms|us|\u00b5s|\u03bcs|ns|h|m|s)/g);
  const size = Math.round([...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0));
  const total = text.startsWith('-') ? -size : size;
  if (total !== 0 && total < 1e6) throw invalidArgument(`Interval ${quoted(flag)} cannot be less than 1ms`);
  return total;
}
