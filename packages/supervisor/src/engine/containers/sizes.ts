import { UsageRequest } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { DockerContainer } from '../../records';
import type { Engine } from './engine';

/** Bytes that the container wrote, and with its image's layers. Walks the container's upper directory: only when asked. */
export async function sizesOf(engine: Engine, ctx: CallContext, id: string, docker: DockerContainer): Promise<{ rw: bigint; rootFs: bigint }> {
  const snapshotter = engine.records.get(engine.records.dockerNamespace, id)?.snapshotter ?? '';
  const [{ size: rw }, image] = await Promise.all([
    engine.snapshots.usage(ctx, UsageRequest.create({ snapshotter, key: id })),
    engine.images.resolve(ctx, ResolveRequest.create({ ref: docker.imageId })).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    }),
  ]);
  return { rw, rootFs: rw + (image?.image?.size ?? 0n) };
}
