import { closeSync, fstatSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { PathStat, type StatArchiveRequest, type StatArchiveResponse } from '@gantry/api/gantry/engine/v1/containers';
import { syscalls } from '@gantry/linux';
import { type CallContext, invalidArgument, notFound } from '@gantry/rpc';
import { resolveInRoot } from '../../core/processes/container-root';
import type { Engine } from '../engine';
import { rootForReading } from './root';

/** Go's os.FileMode bits above the permissions. */
const GO_MODE = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  charDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

export function goFileMode(stat: Stats): number {
  let mode = stat.mode & 0o777;
  if (stat.isDirectory()) mode += GO_MODE.dir;
  if (stat.isSymbolicLink()) mode += GO_MODE.symlink;
  if (stat.isBlockDevice()) mode += GO_MODE.device;
  if (stat.isCharacterDevice()) mode += GO_MODE.device + GO_MODE.charDevice;
  if (stat.isFIFO()) mode += GO_MODE.fifo;
  if (stat.isSocket()) mode += GO_MODE.socket;
  if ((stat.mode & 0o4000) !== 0) mode += GO_MODE.setuid;
  if ((stat.mode & 0o2000) !== 0) mode += GO_MODE.setgid;
  if ((stat.mode & 0o1000) !== 0) mode += GO_MODE.sticky;
  return mode;
}

/** Absolute and clean, as docker reads a path of `docker cp`; a trailing slash or `/.` asks for a directory. */
export function cleanPath(path: string): { readonly path: string; readonly wantsDirectory: boolean; readonly name: string } {
  if (path === '' || path.includes('\0')) throw invalidArgument(`invalid container path: ${JSON.stringify(path)}`);
  const clean = posix.normalize(`/${path}`).replace(/(.)\/+$/, '$1');
  const dotted = /(^|\/)\.$/.test(path);
  return { path: clean, wantsDirectory: path.endsWith('/') || dotted, name: dotted ? '.' : posix.basename(clean) || '/' };
}

export function noSuchPath(path: string, id: string): Error {
  return notFound(`Could not find the file ${path} in container ${id}`);
}

/** One path inside a pinned root; its last component is not followed unless a directory is asked for. */
export function statInRoot(root: number, id: string, asked: string): PathStat {
  const { path, wantsDirectory } = cleanPath(asked);
  const fd = resolveInRoot(root, path, !wantsDirectory);
  if (fd === undefined) throw noSuchPath(asked, id);
  try {
    const stat = fstatSync(fd);
    if (wantsDirectory && !stat.isDirectory()) throw noSuchPath(asked, id);
    return PathStat.create({
      name: posix.basename(path) || '/',
      size: BigInt(stat.size),
      mode: goFileMode(stat),
      mtime: stat.mtime.toISOString(),
      linkTarget: stat.isSymbolicLink() ? linkTarget(fd, path) : '',
    });
  } finally {
    closeSync(fd);
  }
}

/** An absolute path inside the container. */
function linkTarget(fd: number, path: string): string {
  return posix.resolve(posix.dirname(path), syscalls.readlinkat(fd, ''));
}

/** HEAD /containers/{id}/archive. */
export async function statArchive(engine: Engine, _ctx: CallContext, request: StatArchiveRequest): Promise<StatArchiveResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const root = rootForReading(engine, id);
  try {
    return { stat: statInRoot(root.fd, request.id, request.path) };
  } finally {
    root.close();
  }
}
