import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { alreadyExists, invalidArgument } from '@gantry/rpc';

/** `<run root>/tasks/<namespace>/<id>`: config.json by us, rootfs and the rest by the shim. Both names are checked identifiers. */
export function bundlePath(runRoot: string, namespace: string, id: string): string {
  return join(runRoot, 'tasks', namespace, id);
}

/** Where a checkpoint of the content store is laid out for a task that is restored from it. */
export const checkpointDirectory = (bundle: string): string => join(bundle, 'checkpoint');

/** Makes a bundle with the container's own specification. Throws alreadyExists when the directory is there. */
export function writeBundle(bundle: string, container: Container): void {
  const spec = container.spec?.value ?? Buffer.alloc(0);
  if (spec.length === 0) throw invalidArgument(`container "${container.id}" has no specification: invalid argument`);
  mkdirSync(join(bundle, '..'), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(bundle, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyExists(`task ${container.id}: already exists`, { cause: error });
    throw error;
  }
  writeFileSync(join(bundle, 'config.json'), spec, { mode: 0o600 });
}

/**
 * Removes what is left of a bundle after the shim deleted the task. A rootfs that is still mounted stays: only our file and
 * empty directories go.
 */
export async function removeBundle(bundle: string): Promise<void> {
  rmSync(join(bundle, 'config.json'), { force: true });
  const checkpoint = checkpointDirectory(bundle);
  if (existsSync(checkpoint)) await rm(checkpoint, { recursive: true, force: true });
  for (const directory of [join(bundle, 'rootfs'), bundle]) rmdirQuietly(directory);
}

function rmdirQuietly(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
