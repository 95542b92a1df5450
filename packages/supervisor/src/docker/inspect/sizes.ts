import { constants, type Dirent } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import { writtenLayer } from '@gantry/spec';
import type { Engine } from '../engine';

/** Bytes that the container wrote, and with its image's layers. Walks the container's upper directory: only when asked. */
export async function sizesOf(
  engine: Engine,
  ctx: CallContext,
  _id: string,
  docker: DockerContainer,
): Promise<{ rw: bigint; rootFs: bigint }> {
  const upper = writtenLayer(docker.rootfs);
  const [rw, image] = await Promise.all([
    upper === undefined ? 0 : bytesBelow(upper, new Set()),
    engine.images.resolve(ctx, ResolveRequest.create({ ref: docker.imageId })).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    }),
  ]);
  return { rw: BigInt(rw), rootFs: BigInt(rw) + (image?.image?.size ?? 0n) };
}

/**
 * Lengths of all that is no directory, as docker counts: a hard-linked file once, blocks and directories not. The container may change the
 * tree meanwhile: each directory is held by a descriptor and a symbolic link is never followed.
 */
async function bytesBelow(path: string, seen: Set<string>): Promise<number> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(() => undefined);
  if (directory === undefined) return 0;
  try {
    const here = `/proc/self/fd/${directory.fd}`;
    let total = 0;
    for (const entry of await readdir(here, { withFileTypes: true }).catch((): Dirent[] => [])) {
      total += entry.isDirectory() ? await bytesBelow(`${here}/${entry.name}`, seen) : await lengthOf(`${here}/${entry.name}`, seen);
    }
    return total;
  } finally {
    await directory.close();
  }
}

async function lengthOf(path: string, seen: Set<string>): Promise<number> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined || seen.has(`${stat.dev}:${stat.ino}`)) return 0;
  if (stat.nlink > 1) seen.add(`${stat.dev}:${stat.ino}`);
  return stat.size;
}
