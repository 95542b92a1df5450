import { existsSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { errorText, invalidArgument } from '@gantry/rpc';
import { isManaged } from './managed';

/** Where Docker's plugins leave word of themselves: `NAME.sock`, `NAME.spec` and `NAME.json`, also in folders called NAME. */
export interface PluginPlaces {
  readonly sockets: string;
  readonly specs: readonly string[];
  /** Folder where the supervisor leaves word of managed plugins; absent: there are none. */
  readonly managed?: string;
}

export const defaultPlaces: PluginPlaces = { sockets: '/run/docker/plugins', specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'] };

/** How a plugin is reached. */
export interface PluginAddress {
  /** `unix:///run/…`, `tcp://host:port`, `http://…` or `https://…`. */
  readonly url: string;
  readonly tls?: PluginTls;
}

/** Files of PEM; empty: none. */
export interface PluginTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly insecure: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** The address that a plugin of this name left; sockets before files. Undefined when there is none. Errors: invalidArgument for a file that says nothing. */
export async function findPlugin(places: PluginPlaces, name: string): Promise<PluginAddress | undefined> {
  if (!NAME.test(name)) return undefined;
  for (const path of [join(places.sockets, `${name}.sock`), join(places.sockets, name, `${name}.sock`)])
    if (await isSocket(path)) return { url: `unix://${path}` };
  for (const directory of places.specs)
    for (const extension of ['spec', 'json'])
      for (const path of [join(directory, `${name}.${extension}`), join(directory, name, `${name}.${extension}`)]) {
        const text = await readIfThere(path);
        if (text !== undefined) return extension === 'spec' ? fromSpec(text, path) : fromJson(text, path);
      }
  return undefined;
}

/** Whether a plugin of this name has left word of itself; what it is shows when it is asked. For the few names that are nothing else. */
export function isPlugin(places: PluginPlaces, name: string): boolean {
  if (places.managed !== undefined && isManaged(places.managed, name)) return true;
  if (!NAME.test(name)) return false;
  const files = places.specs.flatMap((directory) => ['spec', 'json'].map((extension) => [directory, extension] as const));
  return [[places.sockets, 'sock'] as const, ...files].some(([directory, extension]) =>
    [`${name}.${extension}`, join(name, `${name}.${extension}`)].some((file) => existsSync(join(directory, file))),
  );
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await fs.stat(path)).isSocket();
  } catch {
    return false;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw invalidArgument(`plugin file ${path} cannot be read: ${errorText(error)}`, { cause: error });
  }
}

function fromSpec(text: string, path: string): PluginAddress {
  return { url: checked(text.trim(), path) };
}

function fromJson(text: string, path: string): PluginAddress {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidArgument(`plugin file ${path} is not JSON`, { cause: error });
  }
  const { Addr: url, TLSConfig: tls } = (value ?? {}) as {
    Addr?: unknown;
    TLSConfig?: { InsecureSkipVerify?: boolean; CAFile?: string; CertFile?: string; KeyFile?: string } | null;
  };
  if (typeof url !== 'string') throw invalidArgument(`plugin file ${path} has no Addr`);
  if (tls === undefined || tls === null) return { url: checked(url, path) };
  const { CAFile: ca = '', CertFile: certificate = '', KeyFile: key = '', InsecureSkipVerify: insecure = false } = tls;
  // Without an authority nobody could be trusted, docker says.
  return { url: checked(url, path), tls: { ca, certificate, key, insecure: insecure || ca === '' } };
}

function checked(url: string, path: string): string {
  if (!/^(unix|tcp|http|https):\/\/./.test(url)) throw invalidArgument(`plugin file ${path}: unknown protocol: ${JSON.stringify(url)}`);
  return url;
}
