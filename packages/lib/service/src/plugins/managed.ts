import { existsSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { GantryError } from '@gantry/rpc';
import type { PluginPlaces } from './places';

/**
 * A managed plugin as the supervisor leaves word of it for whoever calls plugins: a file below the run root, written anew whenever it is enabled or disabled. Whether
 * it runs at this moment shows when it is asked.
 */
export interface ManagedPlugin {
  /** With its tag: `store/keeper:latest`. */
  readonly name: string;
  readonly id: string;
  readonly enabled: boolean;
  /** Path of its socket, on the host. */
  readonly socket: string;
  /** What it is, as its configuration says it: `docker.volumedriver/1.0`. */
  readonly types: readonly string[];
  /** Where its root file system lies on the host. */
  readonly rootfs: string;
  /** The folder in it whose mounts are seen by the host, and where they are seen there. */
  readonly propagated?: { readonly inside: string; readonly host: string };
  /** What one call may take, seconds. */
  readonly timeout: number;
}

/** Below the run root: where the supervisor leaves word of managed plugins. */
export const managedFolder = (run: string): string => join(run, 'plugins');

/** Places with those of managed plugins of the engine that has this run root. */
export const withManaged = <P extends PluginPlaces>(places: P, run: string): P => ({ ...places, managed: managedFolder(run) });

const ENDING = '.json';
const fileOf = (folder: string, name: string): string => join(folder, `${encodeURIComponent(name)}${ENDING}`);

export async function writeManaged(folder: string, plugin: ManagedPlugin): Promise<void> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const path = fileOf(folder, plugin.name);
  await fs.writeFile(`${path}.new`, JSON.stringify(plugin), { mode: 0o600 });
  await fs.rename(`${path}.new`, path);
}

export async function forgetManaged(folder: string, name: string): Promise<void> {
  await fs.rm(fileOf(folder, name), { force: true });
}

/** By its name, with or without its tag. Undefined when there is none. */
export async function findManaged(folder: string, name: string): Promise<ManagedPlugin | undefined> {
  const familiar = familiarName(name);
  return familiar === undefined ? undefined : read(fileOf(folder, familiar));
}

/** Whether a managed plugin has this name; what it is shows when it is asked. */
export function isManaged(folder: string, name: string): boolean {
  const familiar = familiarName(name);
  return familiar !== undefined && existsSync(fileOf(folder, familiar));
}

export async function listManaged(folder: string): Promise<readonly ManagedPlugin[]> {
  const names = await fs.readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  const found = await Promise.all(names.filter((name) => name.endsWith(ENDING)).map((name) => read(join(folder, name))));
  return found.flatMap((plugin) => plugin ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function read(path: string): Promise<ManagedPlugin | undefined> {
  try {
    return JSON.parse(await fs.readFile(path, 'utf8')) as ManagedPlugin;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** Whether a managed plugin is what is asked for: `VolumeDriver`, or `volumedriver` as its configuration has it. */
export function provides({ types }: Pick<ManagedPlugin, 'types'>, kind: string): boolean {
  const wanted = `docker.${kind.toLowerCase()}/`;
  return types.some((type) => type.startsWith(wanted));
}

/** A path that the plugin tells, or is told, as the host sees it. */
export function onHost({ rootfs, propagated }: Pick<ManagedPlugin, 'rootfs' | 'propagated'>, path: string): string {
  if (propagated !== undefined && (path === propagated.inside || path.startsWith(`${propagated.inside.replace(/\/$/, '')}/`)))
    return join(propagated.host, path.slice(propagated.inside.length));
  return join(rootfs, path);
}

/** The plugin is there, and disabled. */
export const isDisabled = (error: unknown): boolean => error instanceof GantryError && error.meta['plugin'] === 'disabled';

/** As `docker plugin ls` shows it. */
function familiarName(name: string): string | undefined {
  if (name === '' || name.includes('@') || !/^[\w.:/[\]-]+$/.test(name)) return undefined;
  const short = name.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\/(?=[^/]+$)/, '');
  return short.lastIndexOf(':') > short.lastIndexOf('/') ? short : `${short}:latest`;
}
