import { invalidArgument } from '@gantry/rpc/errors';
import { type Escape, logicalLines } from './logical-lines';
import { parseHealthcheck } from './parse/healthcheck';
import { parseOnbuild } from './parse/onbuild';
import { parsePairs } from './parse/pairs';
import { commandForm, listForm, single, someWords } from './parse/forms';
import { splitLine } from './split-line';

/** A command as a list (exec form), or as text for a shell. */
export type Command = { readonly form: 'exec'; readonly words: readonly string[] } | { readonly form: 'shell'; readonly text: string };

/** Times in nanoseconds; what was not said is 0. */
export interface Healthcheck {
  readonly command: Command;
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

/** One instruction. Text is as written: quotes and variables are `expandWord`'s business, where the instruction has such words. */
export type Instruction =
  | { readonly name: 'cmd' | 'entrypoint'; readonly command: Command }
  | { readonly name: 'env' | 'label'; readonly pairs: readonly (readonly [key: string, value: string])[] }
  | { readonly name: 'expose' | 'volume'; readonly words: readonly string[] }
  | { readonly name: 'user' | 'workdir' | 'stopsignal'; readonly word: string }
  | { readonly name: 'healthcheck'; readonly check: Healthcheck | 'none' }
  | { readonly name: 'onbuild'; readonly trigger: string };

export type InstructionName = Instruction['name'];

/** What a parser gets: the flags in front and the rest of the line. */
export interface Arguments {
  readonly flags: readonly string[];
  readonly rest: string;
  readonly escape: Escape;
}

const parsers: { readonly [K in InstructionName]: (given: Arguments) => Instruction } = {
  cmd: (given) => ({ name: 'cmd', command: commandForm(given) }),
  entrypoint: (given) => ({ name: 'entrypoint', command: commandForm(given) }),
  env: (given) => ({ name: 'env', pairs: parsePairs('ENV', given) }),
  label: (given) => ({ name: 'label', pairs: parsePairs('LABEL', given) }),
  expose: (given) => ({ name: 'expose', words: someWords('EXPOSE', given) }),
  volume: (given) => ({ name: 'volume', words: listForm('VOLUME', given) }),
  user: (given) => ({ name: 'user', word: single('USER', given) }),
  workdir: (given) => ({ name: 'workdir', word: single('WORKDIR', given) }),
  stopsignal: (given) => ({ name: 'stopsignal', word: single('STOPSIGNAL', given) }),
  healthcheck: (given) => ({ name: 'healthcheck', check: parseHealthcheck(given) }),
  onbuild: (given) => ({ name: 'onbuild', trigger: parseOnbuild(given) }),
};

/** The instructions of a text, in order. `refuse` says how one that is not among them is refused. Errors: invalidArgument. */
export function parseInstructions(
  text: string,
  { escape = '\\', refuse = unknown }: { readonly escape?: Escape; readonly refuse?: (name: string) => Error } = {},
): Instruction[] {
  return logicalLines(text, escape).map((line) => {
    const { name, flags, rest } = splitLine(line, escape);
    const lower = name.toLowerCase();
    if (!Object.hasOwn(parsers, lower)) throw refuse(name);
    return parsers[lower as InstructionName]({ flags, rest, escape });
  });
}

const unknown = (name: string): Error => invalidArgument(`unknown instruction: ${name}`);
