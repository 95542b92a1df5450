import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
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
export async function writeBundle(bundle: string, container: Container): Promise<void> {
  const spec = container.spec?.value ?? Buffer.alloc(0);
  if (spec.length === 0) throw invalidArgument(`container "${container.id}" has no specification: invalid argument`);
  await mkdir(join(bundle, '..'), { recursive: true, mode: 0o700 });
  try {
    await mkdir(bundle, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyExists(`task ${container.id}: already exists`, { cause: error });
    throw error;
  }
  await writeFile(join(bundle, 'config.json'), spec, { mode: 0o600 });
}

/**
 * Removes what is left of a bundle after the shim deleted the task. A rootfs that is still mounted stays: only our file and
 * empty directories go.
 */
export async function removeBundle(bundle: string): Promise<void> {
  await rm(join(bundle, 'config.json'), { force: true });
  await rm(checkpointDirectory(bundle), { recursive: true, force: true });
  for (const directory of [join(bundle, 'rootfs'), bundle]) {
    await rmdirQuietly(directory);
  }
}

async function rmdirQuietly(directory: string): Promise<void> {
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(error.code ?? '')) throw error;
  });
}
