import { invalidArgument } from '@gantry/rpc/errors';
import type { Heredoc } from './heredoc';
import { type Escape, type Line, readLines } from './lines';
import { within } from './location';
import { type Argument, parseArg } from './parse/arg';
import { commandForm, single, someWords, volumes } from './parse/forms';
import { type From, parseFrom } from './parse/from';
import { parseHealthcheck } from './parse/healthcheck';
import { parseOnbuild } from './parse/onbuild';
import { type Pair, parsePairs } from './parse/pairs';
import { parseRun, type Run } from './parse/run';
import { parseShell } from './parse/shell';
import { type Add, type Copy, parseAdd, parseCopy } from './parse/transfer';
import { didYouMean } from './suggest';

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
  | { readonly name: 'add'; readonly add: Add }
  | { readonly name: 'arg'; readonly args: readonly Argument[] }
  | { readonly name: 'cmd' | 'entrypoint'; readonly command: Command }
  | { readonly name: 'copy'; readonly copy: Copy }
  | { readonly name: 'env' | 'label'; readonly pairs: readonly Pair[]; readonly legacy?: true }
  | { readonly name: 'expose' | 'volume'; readonly words: readonly string[] }
  | { readonly name: 'from'; readonly from: From }
  | { readonly name: 'user' | 'workdir' | 'stopsignal'; readonly word: string }
  | { readonly name: 'maintainer'; readonly word: string }
  | { readonly name: 'healthcheck'; readonly check: Healthcheck | 'none' }
  | { readonly name: 'onbuild'; readonly trigger: string }
  | { readonly name: 'run'; readonly run: Run }
  | { readonly name: 'shell'; readonly words: readonly string[] };

export type InstructionName = Instruction['name'];

/** What a parser gets: the flags in front and the rest of the line. */
export interface Arguments {
  readonly flags: readonly string[];
  readonly rest: string;
  readonly escape: Escape;
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  readonly comments: readonly string[];
}

const parsers: { readonly [K in InstructionName]: (given: Arguments) => Instruction } = {
  add: (given) => ({ name: 'add', add: parseAdd(given) }),
  arg: (given) => ({ name: 'arg', args: parseArg(given) }),
  cmd: (given) => ({ name: 'cmd', command: commandForm(given) }),
  copy: (given) => ({ name: 'copy', copy: parseCopy(given) }),
  entrypoint: (given) => ({ name: 'entrypoint', command: commandForm(given) }),
  env: (given) => ({ name: 'env', ...parsePairs('ENV', given) }),
  expose: (given) => ({ name: 'expose', words: someWords('EXPOSE', given) }),
  from: (given) => ({ name: 'from', from: parseFrom(given) }),
  healthcheck: (given) => ({ name: 'healthcheck', check: parseHealthcheck(given) }),
  label: (given) => ({ name: 'label', ...parsePairs('LABEL', given) }),
  maintainer: (given) => ({ name: 'maintainer', word: single('MAINTAINER', given) }),
  onbuild: (given) => ({ name: 'onbuild', trigger: parseOnbuild(given) }),
  run: (given) => ({ name: 'run', run: parseRun(given) }),
  shell: (given) => ({ name: 'shell', words: parseShell(given) }),
  stopsignal: (given) => ({ name: 'stopsignal', word: single('STOPSIGNAL', given) }),
  user: (given) => ({ name: 'user', word: single('USER', given) }),
  volume: (given) => ({ name: 'volume', words: volumes(given) }),
  workdir: (given) => ({ name: 'workdir', word: single('WORKDIR', given) }),
};

/** What a line says. Errors: invalidArgument, with its lines. */
export function parseLine(line: Line, escape: Escape): Instruction {
  return within(line, () => {
    const lower = line.name.toLowerCase();
    if (!Object.hasOwn(parsers, lower)) throw unknown(line.name);
    return parsers[lower as InstructionName]({ ...line, escape });
  });
}

/** Instructions that change nothing but an image's configuration, as `--change` takes them. */
export type ChangeName =
  'cmd' | 'entrypoint' | 'env' | 'expose' | 'healthcheck' | 'label' | 'onbuild' | 'stopsignal' | 'user' | 'volume' | 'workdir';
export type Change = Extract<Instruction, { readonly name: ChangeName }>;

const changes = {
  cmd: true,
  entrypoint: true,
  env: true,
  expose: true,
  healthcheck: true,
  label: true,
  onbuild: true,
  stopsignal: true,
  user: true,
  volume: true,
  workdir: true,
} as const satisfies Record<ChangeName, true>;

/** The changes that a text asks for, in order. `refuse` says how an instruction that is none is refused. Errors: invalidArgument. */
export function parseChanges(text: string, refuse: (name: string) => Error): Change[] {
  if (text.trim() === '') return [];
  const { lines, escape } = readLines(text);
  return lines.map((line) => {
    if (!Object.hasOwn(changes, line.name.toLowerCase())) throw refuse(line.name);
    return parseLine(line, escape) as Change;
  });
}

function unknown(name: string): Error {
  const names = Object.keys(parsers).map((known) => known.toUpperCase());
  return invalidArgument(`unknown instruction: ${name}${didYouMean(name, names, false)}`);
}
