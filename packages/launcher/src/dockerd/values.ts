import { invalidArgument } from '@gantry/rpc';

/** How the value of an option is written on the command line and in daemon.json. */
export type ValueType =
  'bool' | 'int' | 'string' | 'bytes' | 'list' | 'map' | 'mapmap' | 'pools' | 'ulimits' | 'runtimes' | 'features' | 'object';

type Tree = Record<string, unknown>;

/** One value, read: what daemon.json would hold for it, with sizes as numbers of bytes. */
export type Value = string | number | boolean | readonly unknown[] | Readonly<Tree>;

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

const SIZES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `64M`, `64MiB`, `1024`, as docker reads sizes. */
export function bytesOf(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) throw invalidArgument(`invalid size for ${name}: "${text}"`);
  return Math.floor(Number(match[1]) * (SIZES[(match[2] ?? '').toLowerCase()] ?? 1));
}

function boolOf(text: string, name: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidArgument(`invalid argument "${text}" for --${name}: it is true or false`);
}

const pair = (text: string): [key: string, value: string] => {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
};

/** What a flag says, laid onto what it said before: flags of lists and maps may be repeated. */
export function readFlag(type: ValueType, name: string, text: string, before: Value | undefined): Value {
  const map = (before ?? {}) as Tree;
  const list = (before ?? []) as readonly unknown[];
  const [key, rest] = pair(text);
  switch (type) {
    case 'bool':
      return boolOf(text, name);
    case 'int':
      if (!/^-?\d+$/.test(text)) throw invalidArgument(`invalid argument "${text}" for --${name}: it is a whole number`);
      return Number(text);
    case 'string':
      return text;
    case 'bytes':
      return bytesOf(text, `--${name}`);
    case 'list':
      return [...list, text];
    case 'map':
      return { ...map, [key]: rest };
    case 'features':
      return { ...map, [key]: rest === '' ? true : boolOf(rest, name) };
    case 'mapmap': {
      const [option, value] = pair(rest);
      if (rest === '') throw invalidArgument(`invalid argument "${text}" for --${name}: it is DRIVER=OPTION=VALUE`);
      return { ...map, [key]: { ...(map[key] as Tree | undefined), [option]: value } };
    }
    case 'runtimes':
      if (key === '' || rest === '') throw invalidArgument(`invalid argument "${text}" for --${name}: it is NAME=PATH`);
      return { ...map, [key.toLowerCase()]: { path: rest } };
    case 'ulimits': {
      const [soft = '', hard = soft] = rest.split(':');
      if (!/^-?\d+$/.test(soft) || !/^-?\d+$/.test(hard)) throw invalidArgument(`invalid ulimit argument: ${text}`);
      return { ...map, [key]: { Name: key, Soft: Number(soft), Hard: Number(hard) } };
    }
    case 'pools': {
      const fields = Object.fromEntries(text.split(',').map(pair));
      return [...list, { base: fields['base'] ?? '', size: Number(fields['size']) }];
    }
    case 'object':
      throw invalidArgument(`--${name} cannot be given on the command line`);
  }
}

/** Whether a value of daemon.json has the option's type; the value as a flag would have given it. */
export function readKey(type: ValueType, name: string, value: unknown): Value {
  const wrong = (wanted: string): never => {
    throw invalidArgument(`invalid value for "${name}": it must be ${wanted}, not ${JSON.stringify(value)}`);
  };
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? value : wrong('true or false');
    case 'int':
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong('a whole number');
    case 'string':
      return typeof value === 'string' ? value : wrong('a string');
    case 'bytes':
      return typeof value === 'number' ? value : typeof value === 'string' ? bytesOf(value, name) : wrong('a size');
    case 'list':
      return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : wrong('a list of strings');
    case 'pools':
      return Array.isArray(value) && value.every(isTree) ? value : wrong('a list of {"base": …, "size": …}');
    case 'map':
      return isTree(value) && Object.values(value).every((each) => typeof each === 'string') ? value : wrong('a map of strings');
    case 'features':
      return isTree(value) && Object.values(value).every((each) => typeof each === 'boolean') ? value : wrong('a map of true and false');
    case 'mapmap':
    case 'ulimits':
    case 'runtimes':
      return isTree(value) && Object.values(value).every(isTree) ? value : wrong('a map of maps');
    case 'object':
      return isTree(value) ? value : wrong('a map');
  }
}
