import { posix } from 'node:path';
import { parseMount, type Run, type RunMount } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import type { Secret, SshSocket, TreeMount } from '../../../llb/write/exec';
import { file } from '../../../llb/write/file';
import type { Tree } from '../../../llb/write/graph';
import { type Dispatch, sourceTree } from '../convert/dispatch';
import { usedPath } from '../convert/paths';

export interface RunMounts {
  readonly mounts: readonly TreeMount[];
  readonly secrets: readonly Secret[];
  readonly ssh: readonly SshSocket[];
}

/** What RUN --mount asks for. Errors: invalidArgument. */
export function runMounts(at: Dispatch, { mounts: written }: Run): RunMounts {
  const found: { mounts: TreeMount[]; secrets: Secret[]; ssh: SshSocket[] } = { mounts: [], secrets: [], ssh: [] };
  const read = written.map(({ text }) => parseMount(text, at.word));
  read.forEach((mount, index) => {
    if (mount.type === 'secret') found.secrets.push(secretOf(at, mount));
    else if (mount.type === 'ssh') found.ssh.push(socketOf(at, mount));
    else found.mounts.push(treeMount(at, mount, index));
  });
  return found;
}

function treeMount(at: Dispatch, mount: RunMount, index: number): TreeMount {
  const { state, command, conversion } = at;
  const ofContext = mount.from === '' && mount.type !== 'cache';
  const refuse = (): string =>
    `cannot mount from stage "${mount.from}" to "${mount.target}", stage needs to be defined before current command`;
  const from = ofContext ? conversion.context : mount.from === '' ? undefined : sourceTree(at, index, refuse);
  const target = posix.isAbsolute(mount.target) ? mount.target : posix.join('/', state.cwd, mount.target);
  if (target === '/') throw invalidArgument(`invalid mount target "${target}"`);
  const selector = posix.join('/', mount.source);
  const owned = selector === '/' && [mount.uid, mount.gid, mount.mode].some((value) => value !== undefined);
  (ofContext ? state.contextPaths : command.sources[index]?.paths)?.add(usedPath(mount.source));
  const tree = mount.type === 'tmpfs' ? undefined : owned ? ownedFolder(from, mount) : from;
  return {
    kind: mount.type === 'secret' || mount.type === 'ssh' ? 'bind' : mount.type,
    target,
    tree,
    readonly: mount.readonly,
    discard: mount.type === 'bind' && !mount.readonly,
    ...(selector !== '/' ? { selector } : owned ? { selector: '/cache' } : {}),
    ...(mount.type === 'tmpfs' ? { size: BigInt(mount.size ?? 0) } : {}),
    ...(mount.type === 'cache' ? { cache: cacheOf(at, mount) } : {}),
  };
}

function cacheOf({ conversion }: Dispatch, { id, target, sharing = 'shared' }: RunMount): NonNullable<TreeMount['cache']> {
  const name = id === '' ? posix.normalize(target === '' ? '.' : target).replace(/(?<=.)\/$/, '') : id;
  return { id: `${conversion.options.cacheNamespace}/${name}`, sharing };
}

/** A folder that a cache begins with, of the owner and the permissions asked for. */
function ownedFolder(from: Tree, { uid = 0, gid = 0, mode = 0o755 }: RunMount): Tree {
  const owner = { user: uid, group: gid };
  return file(from, [{ kind: 'mkdir', path: '/cache', mode: mode & 0o777, parents: false, owner }], {
    name: '[internal] setting cache mount permissions',
  });
}

function secretOf({ state, command }: Dispatch, mount: RunMount): Secret {
  const { target, env, required, uid = 0, gid = 0, mode = 0o400 } = mount;
  const given = mount.source === '' ? mount.id : mount.source;
  const id = given === '' ? posix.basename(target) : given;
  if (id === '') throw invalidArgument('one of source, target required');
  if (!state.outline.secrets.has(id)) state.outline.secrets.set(id, { required, lines: command.step.lines });
  const path = target !== '' ? target : env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined;
  return {
    id,
    uid,
    gid,
    mode,
    optional: !required,
    ...(path === undefined ? {} : { target: path }),
    ...(env === undefined ? {} : { env }),
  };
}

function socketOf({ state, command }: Dispatch, mount: RunMount): SshSocket {
  const { target, required, uid = 0, gid = 0, mode = 0o600 } = mount;
  if (mount.source !== '') throw invalidArgument('ssh does not support source');
  const id = mount.id === '' ? 'default' : mount.id;
  if (!state.outline.ssh.has(id)) state.outline.ssh.set(id, { required, lines: command.step.lines });
  return { id: mount.id, uid, gid, mode, optional: !required, ...(target === '' ? {} : { target }) };
}
