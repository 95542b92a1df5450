import { readFileSync } from 'node:fs';
import { errorText, invalidArgument } from '@gantry/rpc';
import type { Flags } from './command-line';
import { dockerdOptions } from './options';
import { readKey, type Value } from './values';

const DEFAULT_FILE = '/etc/docker/daemon.json';

/** The keys of the configuration file that the command line names, or of the default one if it is there. Errors: invalidArgument that names file and key. */
export function readDaemonJson(flags: Flags): { readonly file: string; readonly keys: ReadonlyMap<string, Value> } {
  const named = flags.get('config-file') as string | undefined;
  const file = named ?? DEFAULT_FILE;
  try {
    const keys = readKeys(read(file, named !== undefined));
    refuseConflicts(flags, keys);
    return { file, keys };
  } catch (error) {
    throw invalidArgument(`unable to configure the Docker daemon with file ${file}: ${errorText(error)}`, { cause: error });
  }
}

function read(file: string, required: boolean): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function readKeys(text: string): Map<string, Value> {
  const keys = new Map<string, Value>();
  if (text.trim() === '') return keys;
  const tree: unknown = JSON.parse(text);
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) throw invalidArgument('it is not a JSON object');
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(tree)) {
    const option = dockerdOptions.find(({ key }) => key === name);
    // One address may be written as a plain string.
    const given: unknown = name === 'host-gateway-ip' && typeof value === 'string' ? [value] : value;
    if (option === undefined) unknown.push(name);
    else if (given !== null) keys.set(name, readKey(option.type, name, given));
  }
  if (unknown.length > 0) throw invalidArgument(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  return keys;
}

/** What is said twice, even alike, is a mistake: nobody could tell which one counts. */
function refuseConflicts(flags: Flags, keys: ReadonlyMap<string, Value>): void {
  const pairs = dockerdOptions.map(({ flag = '', key = '' }) => [key, flags.get(flag), keys.get(key)] as const);
  // Flags of proxies are one map in the file.
  const proxies = Object.entries(keys.get('proxies') ?? {}).map(([name, written]) => [name, flags.get(name), written as string] as const);
  const conflicts = [...pairs, ...proxies].flatMap(([name, said, written]) =>
    said === undefined || written === undefined ? [] : [`${name}: (from flag: ${shown(said)}, from file: ${shown(written)})`],
  );
  if (conflicts.length > 0)
    throw invalidArgument(`the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}`);
}

/** A value for people to read, without what opens a proxy or a registry. */
export const withoutPasswords = (text: string): string => text.replace(/(:\/\/)[^/\s"]*@/g, '$1xxxxx:xxxxx@');

const shown = (value: Value): string => withoutPasswords(plain(value));
const plain = (value: Value): string =>
  Array.isArray(value) ? `[${value.map(String).join(' ')}]` : typeof value === 'object' ? JSON.stringify(value) : String(value);
