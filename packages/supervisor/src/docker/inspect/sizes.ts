import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import type { Uses } from '../engine';

type Needs = Uses<{ records: 'dockerNamespace' | 'get'; images: 'resolve'; trees: 'getWritten' }>;

/** Bytes that the container wrote, and with its image's layers. The service of its snapshot walks what was written: only when asked. */
export async function sizesOf(
  engine: Needs,
  ctx: CallContext,
  id: string,
  docker: DockerContainer,
): Promise<{ rw: bigint; rootFs: bigint }> {
  const snapshotter = engine.records.get(engine.records.dockerNamespace, id)?.snapshotter ?? '';
  const [{ size: rw }, image] = await Promise.all([
    engine.trees.getWritten(ctx, { snapshotter, snapshotKey: id }),
    engine.images.resolve(ctx, ResolveRequest.create({ ref: docker.imageId })).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    }),
  ]);
  return { rw, rootFs: rw + (image?.image?.unpackedSize ?? 0n) };
}
