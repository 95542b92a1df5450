import { invalidArgument } from '@gantry/rpc';
import { chooseVersion, type CniVersion } from './version';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** One program's part of a network: its type, what of the pod it wants to be told, and whatever else it understands. */
export interface PluginConfig {
  readonly type: string;
  /** Names of capabilities that are given to it (`"capabilities": {"portMappings": true}`). */
  readonly capabilities: readonly string[];
  readonly config: JsonObject;
}

/** A network: the programs that make a pod's interface, in their order. */
export interface NetworkList {
  readonly name: string;
  readonly version: CniVersion;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  /** Programs may stand in files of their own, in a folder of the network's name, too (1.1.0). */
  readonly onlyInlined: boolean;
  readonly plugins: readonly PluginConfig[];
}

const MAX_PLUGINS = 64;

/**
 * Reads a configuration list, or (`list` false) the configuration of a single program as a list of one. Unknown keys are the programs'.
 * Errors: invalidArgument that says what is wrong, without the file's name.
 */
export function parseNetworkList(text: string, { list }: { readonly list: boolean }): NetworkList {
  const whole = parseObject(text);
  const name = nameOf(whole);
  const version = chooseVersion(whole['cniVersion'], arrayOf(whole, 'cniVersions'));
  if (version === undefined) {
    const asked = [whole['cniVersion'], ...arrayOf(whole, 'cniVersions')].filter((each) => each !== undefined);
    throw invalidArgument(`version ${asked.map((each) => JSON.stringify(each)).join(', ')} is not spoken`);
  }
  const plugins = list ? arrayOf(whole, 'plugins') : [whole];
  if (list && !Array.isArray(whole['plugins']) && whole['loadOnlyInlinedPlugins'] !== false && whole['plugins'] !== undefined)
    throw invalidArgument('"plugins" is no list');
  if (plugins.length > MAX_PLUGINS) throw invalidArgument(`${plugins.length} plugins, more than ${MAX_PLUGINS}`);
  return {
    name,
    version,
    disableCheck: flagOf(whole, 'disableCheck'),
    disableGc: flagOf(whole, 'disableGC'),
    onlyInlined: !list || flagOf(whole, 'loadOnlyInlinedPlugins'),
    plugins: plugins.map((each, index) => parsePlugin(each, `plugin ${index}`)),
  };
}

/** A program's own file in the folder of a network. */
export const parsePluginFile = (text: string): PluginConfig => parsePlugin(parseObject(text), 'plugin');

function parsePlugin(value: Json, what: string): PluginConfig {
  if (!isObject(value)) throw invalidArgument(`${what} is no object`);
  const { type, capabilities = {} } = value;
  // A type is the name of a program in the plugin folders, and no path.
  if (typeof type !== 'string' || type === '') throw invalidArgument(`${what} has no "type"`);
  if (type.includes('/') || type.includes('\0') || type === '.' || type === '..' || type.length > 255)
    throw invalidArgument(`${what}: type ${JSON.stringify(type)} is no program's name`);
  if (!isObject(capabilities)) throw invalidArgument(`${what}: "capabilities" is no object`);
  const wanted = Object.entries(capabilities).flatMap(([name, on]) => (on === true ? [name] : []));
  return { type, capabilities: wanted, config: value };
}

function parseObject(text: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw invalidArgument('it is no JSON', { cause });
  }
  if (!isObject(value)) throw invalidArgument('it is no object');
  return value;
}

/** A network's name stands in names of files (specification 1.0.0, "Network configuration format"). */
function nameOf(whole: JsonObject): string {
  const { name } = whole;
  if (typeof name !== 'string' || name === '') throw invalidArgument('it has no "name"');
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) || name.length > 128)
    throw invalidArgument(`name ${JSON.stringify(name)} is no network's name`);
  return name;
}

function arrayOf(whole: JsonObject, key: string): readonly Json[] {
  const value = whole[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidArgument(`"${key}" is no list`);
  return value as readonly Json[];
}

/** Also the word that the reference implementation takes for it. */
function flagOf(whole: JsonObject, key: string): boolean {
  const value = whole[key];
  if (value === undefined || value === null || value === false || value === 'false') return false;
  if (value === true || value === 'true') return true;
  throw invalidArgument(`"${key}" is neither true nor false`);
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
