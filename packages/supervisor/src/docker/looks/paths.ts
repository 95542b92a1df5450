import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
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

/** A path inside a volume whose own links must not lead out of it. */
export function inVolume(mountpoint: string, subpath: string): Found<string> {
  const root = realpathSync(mountpoint);
  let path: string;
  try {
    path = realpathSync(join(root, subpath));
  } catch (error) {
    const wanted = join(mountpoint, subpath);
    throw notFound(`cannot access path ${wanted}: lstat ${wanted}: no such file or directory`, { cause: error });
  }
  if (path !== root && !path.startsWith(`${root}/`))
    throw invalidArgument(`path concatenation escapes the base directory, base: ${mountpoint}, subpath: ${subpath}`);
  return { value: path };
}

/** Small files of a running container, as its first process sees them; undefined for one that is not there. */
export function containerFiles(pid: number, paths: readonly string[]): Found<(string | undefined)[]> {
  return { value: paths.map((path) => readInRoot(pid, path)) };
}
