import { spawn, type ChildProcess } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { treeOutcome } from '@gantry/native';
import { formatIds, type IdMaps } from '../../core/userns';

/** A child that reads or writes a tar; `done` settles with its end. */
export interface TarChild<S> {
  readonly stream: S;
  readonly done: Promise<void>;
  kill(): void;
}

/** Packs one path of a pinned root as `name`, with the ids of the container whose maps are given. Only the child touches the foreign tree. */
export function packTree(binary: string, root: number, path: string, name: string, ids?: IdMaps): TarChild<Readable> {
  const child = spawn(binary, ['pack', '--root', '/proc/self/fd/3', '--path', path, '--name', name, ...idFlags(ids)], {
    stdio: ['ignore', 'pipe', 'pipe', root],
    env: {},
  });
  // Read from the start: what nobody reads by the time a child ends, Node throws away.
  const stream = (child.stdout as Readable).pipe(new PassThrough());
  return { stream, done: outcome(child), kill: () => child.kill('SIGKILL') };
}

function idFlags(ids: IdMaps | undefined): string[] {
  return ids === undefined ? [] : ['--uid-map', formatIds(ids.uids), '--gid-map', formatIds(ids.gids)];
}

export interface CopyOptions {
  /** Directory inside the root, links followed inside it. */
  readonly into: string;
  readonly keepKinds: boolean;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The archive's ids are those of a container with these maps. */
  readonly ids?: IdMaps | undefined;
}

/** Unpacks a tar into a pinned root that is in use. */
export function copyIntoTree(binary: string, root: number, { into, keepKinds, owner, ids }: CopyOptions): TarChild<Writable> {
  const args = [
    'untar',
    '--root',
    '/proc/self/fd/3',
    '--copy',
    '--into',
    into,
    ...(keepKinds ? ['--keep-kinds'] : []),
    ...(owner === undefined ? [] : ['--owner', `${owner.uid}:${owner.gid}`]),
    ...idFlags(ids),
  ];
  const child = spawn(binary, args, { stdio: ['pipe', 'ignore', 'pipe', root], env: {} });
  const stream = child.stdin as Writable;
  stream.on('error', () => undefined); // its exit says more than EPIPE
  return { stream, done: outcome(child), kill: () => child.kill('SIGKILL') };
}

/** Watched from the start; whoever waits for it sees how it ended. */
function outcome(child: ChildProcess): Promise<void> {
  const done = treeOutcome(child, false).then(() => undefined);
  done.catch(() => undefined);
  return done;
}
