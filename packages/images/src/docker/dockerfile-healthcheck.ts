import type { ImageContainerConfig } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

type Healthcheck = NonNullable<ImageContainerConfig['Healthcheck']>;

const durations: Readonly<Record<string, 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
};

/** `HEALTHCHECK [--interval=5s …] CMD …` or `HEALTHCHECK NONE`. What is not said stays as the configuration has it. */
export function healthcheck(text: string, config: ImageContainerConfig): Healthcheck {
  const set: Partial<Healthcheck> = {};
  let rest = text;
  for (let match = /^--([\w-]+)=(\S+)\s*/.exec(rest); match !== null; match = /^--([\w-]+)=(\S+)\s*/.exec(rest)) {
    const [all, flag = '', value = ''] = match;
    const field = durations[flag];
    if (field !== undefined) set[field] = nanoseconds(flag, value);
    else if (flag === 'retries' && /^\d+$/.test(value)) set.Retries = Number(value);
    else throw invalidArgument(`HEALTHCHECK: bad flag --${flag}=${value}`);
    rest = rest.slice(all.length);
  }
  const [word = ''] = rest.split(/\s/, 1);
  const command = rest.slice(word.length).trim();
  switch (word.toUpperCase()) {
    case 'NONE':
      if (command !== '') throw invalidArgument('HEALTHCHECK NONE takes no arguments');
      return { ...config.Healthcheck, Test: ['NONE'] };
    case 'CMD':
      if (command === '') throw invalidArgument('Missing command after HEALTHCHECK CMD');
      return { ...config.Healthcheck, ...set, Test: testOf(command) };
    case '':
      throw invalidArgument('HEALTHCHECK requires an argument');
    default:
      throw invalidArgument(`Unknown type "${word}" in HEALTHCHECK (try CMD)`);
  }
}

function testOf(command: string): string[] {
  if (command.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(command);
      if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return ['CMD', ...list];
    } catch {
      // a shell command that begins with a bracket
    }
  }
  return ['CMD-SHELL', command];
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** A duration as Go writes it, such as 1m30s. */
function nanoseconds(flag: string, text: string): number {
  if (!/^(\d+(\.\d+)?(h|ms|us|ns|m|s))+$/.test(text)) throw invalidArgument(`HEALTHCHECK: --${flag}: invalid duration "${text}"`);
  const total = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0),
    0,
  );
  if (total > 0 && total < 1e6) throw invalidArgument(`HEALTHCHECK: --${flag} cannot be less than 1ms`);
  return Math.round(total);
}
