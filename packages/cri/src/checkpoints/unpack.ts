import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readTar } from '@gantry/oci/tar';
import { type CallContext, ignore } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Services } from '../services';
import type { CheckpointSource } from './source';

/**
 * Lays a checkpoint's files out. It comes from elsewhere: a checkpoint has regular files and folders only, and nothing else is made or followed.
 * @param folder there, and empty
 */
export async function unpackCheckpoint(
  services: Pick<Services, 'snapshots' | 'mounts'>,
  ctx: CallContext,
  source: CheckpointSource,
  folder: string,
): Promise<void> {
  if ('archive' in source) return unpackArchive(source.archive, folder);
  const { snapshotter, chainId: parent } = source.image.stored;
  const key = `gantry.cri.${folder.slice(folder.lastIndexOf('/') + 1)}-checkpoint`;
  try {
    const { mounts } = await services.snapshots.view(ctx, { snapshotter, key, parent, labels: {} });
    const { info } = await services.mounts.activate(ctx, { name: key, mounts, labels: {}, temporary: true });
    await copyInto(info?.active.at(-1)?.mountPoint ?? '', folder);
  } finally {
    await services.mounts.deactivate(ctx, { name: key }).catch(ignore('notFound'));
    await services.snapshots.remove(ctx, { snapshotter, key }).catch(ignore('notFound'));
  }
}

async function unpackArchive(archive: string, folder: string): Promise<void> {
  for await (const { name, type, body } of readTar(createReadStream(archive))) {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw unknown(`unpacking of checkpoint archive ${archive} failed: "${name}" leads outside of it`);
    if (type !== 'file' || parts.length === 0) continue; // folders are made with what is in them
    const path = join(folder, ...parts);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  }
}

async function copyInto(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of await readdir(from)) {
    const [path, copy] = [join(from, name), join(to, name)];
    const found = await lstat(path);
    if (found.isDirectory()) await copyInto(path, copy);
    else if (found.isFile()) await copyFile(path, copy);
    else throw unknown(`refusing to restore checkpoint: ${name} is not a regular file or directory`);
  }
}
