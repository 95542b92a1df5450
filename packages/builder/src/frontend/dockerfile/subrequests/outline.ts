import type { Lines } from '@gantry/dockerfile';
import type { StageOutline } from '../convert/stage-outline';
import type { StageState } from '../convert/state';
import { reachable } from '../convert/states';
import { type Build, converter } from '../ui/build';
import type { Answer } from '../ui/subrequests';
import { warn } from '../ui/warn';
import { filled, placeOf } from './place';
import { table } from './table';

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly required: boolean;
  readonly lines: Lines;
}

/** The parameters that the target takes: arguments, secrets, ssh. */
export async function answerOutline(build: Build): Promise<Answer> {
  const target = await converter(build)({ platform: undefined, tell: warn(build) });
  const args = collect(target, argsOf);
  const secrets = collect(target, (outline) => wanted(outline.secrets));
  const ssh = collect(target, (outline) => wanted(outline.ssh));
  const { stage: name, comment } = target.stage;
  const json = {
    ...filled({ name, description: comment }),
    ...list('args', args, ({ description, value }) => filled({ description, value })),
    ...list('secrets', secrets, ({ required }) => filled({ required })),
    ...list('ssh', ssh, ({ required }) => filled({ required })),
    sources: [build.entry.source.data.toString('base64')],
  };
  return {
    version: '1.0.0',
    json,
    text: [heading(name, comment), argTable(args), wantedTable('SECRET', secrets), wantedTable('SSH', ssh)].join(''),
  };
}

/** Of several stages that have the same the first one counts; all in the order of the file. */
function collect(target: StageState, entriesOf: (outline: StageOutline) => readonly Entry[]): readonly Entry[] {
  const found = new Map<string, Entry>();
  for (const state of reachable(target))
    for (const entry of entriesOf(state.outline)) if (!found.has(entry.name)) found.set(entry.name, entry);
  return [...found.values()].toSorted((a, b) => a.lines.start - b.lines.start);
}

function argsOf(outline: StageOutline): Entry[] {
  return [...outline.allUsed].flatMap((name) => {
    const use = outline.args.get(name);
    if (use === undefined) return [];
    return [{ name, value: use.value, description: use.argument.comment, required: false, lines: use.lines }];
  });
}

function wanted(all: StageOutline['secrets']): Entry[] {
  return [...all].map(([name, { required, lines }]) => ({ name, value: '', description: '', required, lines }));
}

function list(name: string, entries: readonly Entry[], more: (entry: Entry) => object): object {
  if (entries.length === 0) return {};
  return { [name]: entries.map((entry) => ({ name: entry.name, ...more(entry), location: placeOf(entry.lines) })) };
}

function heading(name: string, comment: string): string {
  if (name === '' && comment === '') return '';
  const rows = [['TARGET:', name === '' ? '(default)' : name], ...(comment === '' ? [] : [['DESCRIPTION:', comment]])];
  return `${table(rows, 1)}\n`;
}

function argTable(args: readonly Entry[]): string {
  if (args.length === 0) return '';
  const rows = args.map(({ name, value, description }) => [name, value, description]);
  return `${table([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...rows], 3)}\n`;
}

function wantedTable(title: string, entries: readonly Entry[]): string {
  if (entries.length === 0) return '';
  return `${table([[title, 'REQUIRED'], ...entries.map(({ name, required }) => [name, required ? 'true' : ''])], 3)}\n`;
}
