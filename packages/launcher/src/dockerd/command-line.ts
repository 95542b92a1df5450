import { invalidArgument } from '@gantry/rpc';
import type { DockerdOption } from './option';
import { dockerdOptions } from './options';
import { readFlag, type Value } from './values';

/** What a command line of dockerd's says, by the flag's name. */
export type Flags = ReadonlyMap<string, Value>;

/** Reads it as dockerd does: `--flag value`, `--flag=value`, `-Dl debug`; a bool takes its value behind `=` only. Errors: invalidArgument. */
export function readCommandLine(argv: readonly string[], options: readonly DockerdOption[] = dockerdOptions): Flags {
  const found = new Map<string, Value>();
  const rest = argv[Symbol.iterator]();
  const next = (shown: string): string => {
    const value = rest.next().value as string | undefined;
    if (value === undefined) throw invalidArgument(`flag needs an argument: ${shown}`);
    return value;
  };
  const set = ({ flag = '', type }: DockerdOption, text: string): void => void found.set(flag, readFlag(type, flag, text, found.get(flag)));

  for (const word of rest) {
    if (word.startsWith('--')) {
      const [, name = '', inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const option = options.find(({ flag }) => flag !== undefined && flag === name);
      if (option === undefined) throw invalidArgument(`unknown flag: --${name}`);
      set(option, inline ?? (option.type === 'bool' ? 'true' : next(`--${name}`)));
      continue;
    }
    if (!word.startsWith('-') || word === '-') throw invalidArgument(`"dockerd" accepts no arguments, but got "${word}"`);
    for (let letters = word.slice(1); letters !== '';) {
      const [letter = ''] = letters;
      letters = letters.slice(1);
      const option = options.find(({ short }) => short === letter);
      if (option === undefined) throw invalidArgument(`unknown shorthand flag: '${letter}' in ${word}`);
      if (option.type === 'bool' && !letters.startsWith('=')) {
        set(option, 'true');
        continue;
      }
      set(option, letters === '' ? next(`'${letter}' in ${word}`) : letters.replace(/^=/, ''));
      letters = '';
    }
  }
  return found;
}
