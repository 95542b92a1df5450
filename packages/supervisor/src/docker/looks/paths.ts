import { existsSync, mkdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from '@gantry/linux/looks';
import { hasCode } from '@gantry/linux';
import { errorText, invalidArgument, notFound } from '@gantry/rpc/errors';
import { readInRoot } from '../../core/processes/container-root';

/** Whether there is something; also a way to learn that its file system answers. */
export function exists(path: string): Found<boolean> {
  return { value: existsSync(path) };
}

export function realPath(path: string): Found<string> {
  return { value: realpathSync(path) };
}

/** The source of a bind is there, or is made where it may be. */
export function bindSource(path: string, create: boolean): Found<undefined> {
  const failed = (error: unknown): Error =>
    invalidArgument(`error while creating mount source path '${path}': ${errorText(error)}`, { cause: error });
  try {
    statSync(path);
    return { value: undefined };
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw failed(error);
  }
  if (!create) throw invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${path}`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw failed(error);
  }
  return { value: undefined };
}

/** So many names and links are followed, against circles. */
const MOST_STEPS = 1000;

/** A path inside a volume, or an image, whose own links must not lead out of it. */
export function inVolume(mountpoint: string, subpath: string): Found<string> {
  const root = realpathSync(mountpoint);
  let path: string;
  try {
    path = realpathSync(join(root, subpath));
  } catch (error) {
    if (leadsOut(root, subpath)) throw escapes(mountpoint, subpath);
    const wanted = join(mountpoint, subpath);
    throw notFound(`cannot access path ${wanted}: lstat ${wanted}: no such file or directory`, { cause: error });
  }
  if (path !== root && !path.startsWith(`${root}/`)) throw escapes(mountpoint, subpath);
  return { value: path };
}

const escapes = (base: string, subpath: string): Error =>
  invalidArgument(`path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}`);

/** Whether a link on the way leads out, to something that need not be there. */
function leadsOut(root: string, subpath: string): boolean {
  const left = subpath.split('/').filter((name) => name !== '' && name !== '.');
  let path = root;
  for (let steps = 0; left.length > 0 && steps < MOST_STEPS; steps++) {
    const next = join(path, left.shift() ?? '');
    if (next !== root && !next.startsWith(`${root}/`)) return true;
    let target: string | undefined;
    try {
      target = readlinkSync(next);
    } catch {
      // no link, or nothing
    }
    if (target?.startsWith('/') === true) return true;
    if (target === undefined) path = next;
    else left.unshift(...target.split('/').filter((name) => name !== '' && name !== '.'));
  }
  return false;
}

/** Small files of a running container, as its first process sees them; undefined for one that is not there. */
export function containerFiles(pid: number, paths: readonly string[]): Found<(string | undefined)[]> {
  return { value: paths.map((path) => readInRoot(pid, path)) };
}
