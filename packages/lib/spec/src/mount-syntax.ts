import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc';

/** One `-v` argument taken apart. */
export interface BindSyntax {
  readonly type: 'bind' | 'volume';
  /** Host path, or volume name; empty: an anonymous volume. */
  readonly source: string;
  readonly destination: string;
  readonly mode: string;
  readonly rw: boolean;
  /** Empty where it is not said. */
  readonly propagation: string;
  readonly copy: boolean;
}

export const PROPAGATIONS: readonly string[] = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'];
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Throws invalidArgument for a name that a local volume cannot have. */
export function checkVolumeName(name: string): void {
  if (VOLUME_NAME.test(name)) return;
  if (name.length === 1)
    throw invalidArgument(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  throw invalidArgument(
    `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

/** A clean absolute path that is not the root. Throws invalidArgument with docker's words. */
export function checkDestination(destination: string): string {
  if (destination === '') throw invalidArgument('field Target must not be empty');
  if (!destination.startsWith('/')) throw invalidArgument(`invalid mount path: '${destination}' mount path must be absolute`);
  const clean = posix.normalize(destination).replace(/(.)\/+$/, '$1');
  if (clean === '/') throw invalidArgument("invalid specification: destination can't be '/'");
  return clean;
}

/** Reads `[source:]destination[:mode]`. Throws invalidArgument that names the whole text. */
export function parseBind(text: string): BindSyntax {
  const parts = text.split(':');
  const fail = (why = ''): Error => invalidArgument(`invalid volume specification: '${text}'${why === '' ? '' : `: ${why}`}`);
  if (text === '' || parts.length > 3 || parts.includes('')) throw fail();
  const [source = '', target, mode = ''] = parts.length === 1 ? ['', parts[0]] : parts;
  const type = source.startsWith('/') ? 'bind' : 'volume';

  let destination: string;
  try {
    destination = checkDestination(target ?? '');
  } catch (error) {
    throw fail(`invalid mount config for type "${type}": ${(error as Error).message}`);
  }
  if (type === 'volume' && source !== '') checkVolumeName(source);

  let rw: boolean | undefined;
  let propagation = '';
  let label = false;
  let copy: boolean | undefined;
  for (const word of mode === '' ? [] : mode.split(',')) {
    if ((word === 'rw' || word === 'ro') && rw === undefined) rw = word === 'rw';
    else if (PROPAGATIONS.includes(word) && propagation === '' && type === 'bind') propagation = word;
    else if ((word === 'z' || word === 'Z') && !label) label = true;
    else if (word === 'nocopy' && copy === undefined && type === 'volume') copy = false;
    else if (word === 'cached' || word === 'delegated' || word === 'consistent') continue;
    else if (PROPAGATIONS.includes(word) && type === 'volume')
      throw fail('invalid mount config for type "volume": field BindOptions must not be specified');
    else if (word === 'nocopy' && type === 'bind')
      throw fail('invalid mount config for type "bind": field VolumeOptions must not be specified');
    else throw invalidArgument(`invalid mode: ${mode}`);
  }
  return {
    type,
    source: type === 'bind' ? posix.normalize(source).replace(/(.)\/+$/, '$1') : source,
    destination,
    mode,
    rw: rw ?? true,
    propagation,
    copy: copy ?? true,
  };
}

const TMPFS_FLAGS = new Set([
  'ro',
  'rw',
  'nosuid',
  'suid',
  'nodev',
  'dev',
  'noexec',
  'exec',
  'sync',
  'async',
  'dirsync',
  'remount',
  'mand',
  'nomand',
  'atime',
  'noatime',
  'diratime',
  'nodiratime',
  'bind',
  'rbind',
  'unbindable',
  'runbindable',
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
  'relatime',
  'norelatime',
  'strictatime',
  'nostrictatime',
  'defaults',
]);
const TMPFS_DATA = /^(mode|uid|gid|size|nr_inodes|nr_blocks|mpol)=/;

/** Options of `--tmpfs path:options`, defaults first. Throws invalidArgument for an unknown one. */
export function tmpfsOptions(text: string): string[] {
  const asked = text === '' ? [] : text.split(',');
  for (const option of asked) {
    if (!TMPFS_FLAGS.has(option) && !TMPFS_DATA.test(option)) throw invalidArgument(`invalid tmpfs option "${option.split('=')[0]}"`);
  }
  const opposite = (flag: string): string => (flag.startsWith('no') ? flag.slice(2) : `no${flag}`);
  const defaults = ['noexec', 'nosuid', 'nodev'].filter((flag) => !asked.includes(flag) && !asked.includes(opposite(flag)));
  return [...defaults, ...asked.filter((option) => option !== 'defaults')];
}
