import { invalidArgument } from '@gantry/rpc/errors';

/** One flag of a service. `key` is the configuration key that it sets (dotted for a nested one); a list flag may be repeated. */
export interface FlagSpec {
  readonly type: 'string' | 'number' | 'boolean' | 'list';
  readonly help: string;
  readonly key?: string;
  /** Shown in help for the value, e.g. PATH. */
  readonly value?: string;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;
export type FlagValue = string | number | boolean | readonly string[];

/** Flags that every service takes. */
export const commonFlags = {
  root: { type: 'string', value: 'DIR', help: 'data root, one below which the service keeps its durable state' },
  run: { type: 'string', value: 'DIR', help: 'run root, where the sockets are' },
  config: { type: 'string', value: 'FILE', help: 'configuration file (YAML); a missing default file is fine' },
  'log-level': { type: 'string', value: 'LEVEL', help: 'trace, debug, info, warn, error or fatal' },
  'metrics-address': {
    type: 'string',
    value: 'ADDR',
    help: 'where /metrics is served: HOST:PORT, the absolute path of a unix socket, or off',
  },
  version: { type: 'boolean', help: 'print the version and exit' },
  help: { type: 'boolean', help: 'print this and exit' },
} as const satisfies FlagTable;

/** `--name value`, `--name=value`, `--switch`, `--switch=false`. Anything else, and any flag not in the table, is refused by name. */
export function parseFlags(argv: readonly string[], table: FlagTable): Map<string, FlagValue> {
  const found = new Map<string, FlagValue>();
  const rest = argv[Symbol.iterator]();
  for (const word of rest) {
    const match = /^--([a-z0-9][a-z0-9.-]*)(?:=(.*))?$/s.exec(word);
    if (match === null) throw invalidArgument(word.startsWith('-') ? `unknown flag ${word}` : `unexpected argument "${word}"`);
    const [, name = '', inline] = match;
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (spec === undefined) throw invalidArgument(`unknown flag --${name}`);
    if (spec.type === 'boolean') {
      found.set(name, asBoolean(name, inline ?? 'true'));
      continue;
    }
    const next = inline ?? (rest.next().value as string | undefined);
    if (next === undefined) throw invalidArgument(`flag --${name} needs a value`);
    if (spec.type === 'list') found.set(name, [...((found.get(name) as readonly string[] | undefined) ?? []), next]);
    else found.set(name, spec.type === 'number' ? asNumber(name, next) : next);
  }
  return found;
}

function asBoolean(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw invalidArgument(`flag --${name} is true or false, not "${text}"`);
  return text === 'true';
}

function asNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw invalidArgument(`flag --${name} is a number, not "${text}"`);
  return value;
}

export function helpText(binary: string, summary: string, table: FlagTable, defaults: ReadonlyMap<string, string>): string {
  const left = (name: string, spec: FlagSpec): string => (spec.type === 'boolean' ? `--${name}` : `--${name} ${spec.value ?? 'VALUE'}`);
  const width = Math.max(...Object.entries(table).map(([name, spec]) => left(name, spec).length));
  const lines = Object.entries(table).map(([name, spec]) => {
    const fallback = defaults.get(name);
    return `  ${left(name, spec).padEnd(width)}  ${spec.help}${fallback === undefined ? '' : ` (default ${fallback})`}`;
  });
  return `${binary}: ${summary}\n\nusage: ${binary} [flags]\n\n${lines.join('\n')}\n`;
}
