import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments, Healthcheck } from '../instruction';
import { commandOf, noFlags } from './forms';

const DURATIONS = { interval: 'interval', timeout: 'timeout', 'start-period': 'startPeriod', 'start-interval': 'startInterval' } as const;

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
      const command = commandOf(rest);
      if (command.form === 'exec' ? command.words.length === 0 : command.text === '')
        throw invalidArgument('Missing command after HEALTHCHECK CMD');
      return { command, ...numbers(given.flags) };
    }
    default:
      throw invalidArgument(`Unknown type ${JSON.stringify(word.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}

function numbers(flags: readonly string[]): Omit<Healthcheck, 'command'> {
  const found = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  const seen = new Set<string>();
  for (const flag of flags) {
    const [, name = '', value] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(flag) ?? [];
    if (!(name in DURATIONS) && name !== 'retries') throw invalidArgument(`unknown flag: --${name}`);
    if (seen.has(name)) throw invalidArgument(`duplicate flag specified: ${name}`);
    if (value === undefined) throw invalidArgument(`missing a value on flag: ${name}`);
    seen.add(name);
    if (name === 'retries') found.retries = retries(value);
    else found[DURATIONS[name as keyof typeof DURATIONS]] = nanoseconds(name, value);
  }
  return found;
}

function retries(text: string): number {
  if (text === '') return 0;
  if (!/^[+-]?\d{1,9}$/.test(text)) throw invalidArgument(`HEALTHCHECK: --retries: ${JSON.stringify(text)} is no whole number`);
  if (Number(text) < 0) throw invalidArgument(`--retries cannot be negative (${Number(text)})`);
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, μs: 1e3, ns: 1 };

/** A duration as Go writes it, such as 1m30s; empty or 0: the default. */
function nanoseconds(flag: string, text: string): number {
  if (text === '' || text === '0') return 0;
  if (!/^\+?((\d+(\.\d*)?|\.\d+)(h|ms|us|µs|μs|ns|m|s))+$/.test(text))
    throw invalidArgument(`HEALTHCHECK: --${flag}: invalid duration ${JSON.stringify(text)}`);
  const parts = text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|μs|ns|h|m|s)/g);
  const total = Math.round([...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0));
  if (total > 0 && total < 1e6) throw invalidArgument(`HEALTHCHECK: --${flag} cannot be less than 1ms`);
  return total;
}
