import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorText, invalidArgument } from '@gantry/rpc';
import { parse } from 'smol-toml';
import { type Capability, EVERYTHING } from './endpoints';
import { DIAL_TIMEOUT } from './transport';

/** One host of a hosts.toml, its files read. */
export interface HostEntry {
  readonly url: URL;
  readonly capabilities: ReadonlySet<Capability>;
  readonly ca: readonly string[];
  readonly clients: readonly { readonly cert: string; readonly key: string }[];
  readonly skipVerify: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly overridePath: boolean;
  readonly dialTimeout: number;
}

export interface HostsFile {
  readonly hosts: readonly HostEntry[];
  /** Asked after the hosts; without a URL: the registry that the reference names. */
  readonly server: Omit<HostEntry, 'url'> & { readonly url: URL | undefined };
}

type Table = Record<string, unknown>;
const FIELDS = new Set(['capabilities', 'ca', 'client', 'skip_verify', 'header', 'override_path', 'dial_timeout']);

/** containerd's hosts.toml (docs/hosts.md there). Paths in it are relative to the file; a field that is not known is refused by name. */
export async function readHostsFile(path: string): Promise<HostsFile> {
  let root: Table;
  try {
    root = parse(await readFile(path, 'utf8')) as Table;
  } catch (cause) {
    throw invalidArgument(`${path}: ${errorText(cause)}`, { cause });
  }
  const { server, host, ...own } = root;
  if (server !== undefined && typeof server !== 'string') throw invalidArgument(`${path}: server is not a text`);
  if (host !== undefined && !isTable(host)) throw invalidArgument(`${path}: host is not a table`);
  const hosts: HostEntry[] = [];
  for (const [name, table] of Object.entries((host ?? {}) as Table)) {
    if (!isTable(table)) throw invalidArgument(`${path}: host."${name}" is not a table`);
    hosts.push({ ...(await fields(table, `host."${name}".`, path)), url: hostUrl(name, path) });
  }
  return {
    hosts,
    server: { ...(await fields(own, '', path)), url: server === undefined || server === '' ? undefined : hostUrl(server, path) },
  };
}

function hostUrl(text: string, path: string): URL {
  const full = /^[a-z]+:\/\//.test(text) ? text : `https://${text}`;
  if (!URL.canParse(full)) throw invalidArgument(`${path}: "${text}" is not a host`);
  const url = new URL(full);
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.search !== '' || url.hash !== '')
    throw invalidArgument(`${path}: "${text}" is not an http or https host`);
  return url;
}

async function fields(table: Table, at: string, path: string): Promise<Omit<HostEntry, 'url'>> {
  for (const [name, value] of Object.entries(table))
    if (!FIELDS.has(name) && value !== '') throw invalidArgument(`${path}: ${at}${name} is not supported`);
  const read = (name: string): Promise<string> => readFile(resolve(dirname(path), name), 'utf8');
  const flag = (name: string): boolean => {
    const value = table[name] ?? false;
    if (typeof value !== 'boolean') throw invalidArgument(`${path}: ${at}${name} is neither true nor false`);
    return value;
  };
  const capabilities = list(table['capabilities'], `${at}capabilities`, path).map((name) => {
    if (!EVERYTHING.has(name as Capability)) throw invalidArgument(`${path}: ${at}capabilities: "${name}" is not known`);
    return name as Capability;
  });
  return {
    capabilities: capabilities.length === 0 ? EVERYTHING : new Set(capabilities),
    ca: await Promise.all(list(table['ca'], `${at}ca`, path).map(read)),
    clients: await clientPairs(table['client'], `${at}client`, path, read),
    skipVerify: flag('skip_verify'),
    headers: headersOf(table['header'], `${at}header`, path),
    overridePath: flag('override_path'),
    dialTimeout: table['dial_timeout'] === undefined ? DIAL_TIMEOUT : duration(table['dial_timeout'], `${at}dial_timeout`, path),
  };
}

/** A path (certificate and key in one file), a list of them, or a list of pairs. */
async function clientPairs(
  value: unknown,
  where: string,
  path: string,
  read: (name: string) => Promise<string>,
): Promise<{ cert: string; key: string }[]> {
  if (value === undefined) return [];
  const entries = Array.isArray(value) ? value : [value];
  return Promise.all(
    entries.map(async (entry: unknown) => {
      const [cert, key = '', ...more] = Array.isArray(entry) ? (entry as unknown[]) : [entry];
      if (typeof cert !== 'string' || typeof key !== 'string' || cert === '' || more.length > 0)
        throw invalidArgument(`${path}: ${where} is not a path, a list of paths or a list of pairs`);
      const text = await read(cert);
      return { cert: text, key: key === '' ? text : await read(key) };
    }),
  );
}

function headersOf(value: unknown, where: string, path: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isTable(value)) throw invalidArgument(`${path}: ${where} is not a table`);
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, list(text, `${where}.${name}`, path).join(', ')]));
}

function list(value: unknown, where: string, path: string): string[] {
  if (value === undefined) return [];
  const values = Array.isArray(value) ? (value as unknown[]) : [value];
  if (!values.every((entry) => typeof entry === 'string')) throw invalidArgument(`${path}: ${where} is neither a text nor a list of texts`);
  return values;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's duration, milliseconds. */
function duration(value: unknown, where: string, path: string): number {
  const text = typeof value === 'string' ? value : '';
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw invalidArgument(`${path}: ${where} is not a duration such as "5s"`);
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, count = '0', unit = 's']) => sum + Number(count) * (UNITS[unit] ?? 0),
    0,
  );
}

const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null && !Array.isArray(value);
