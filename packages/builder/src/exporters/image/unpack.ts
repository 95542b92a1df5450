import { randomBytes } from 'node:crypto';
import { chainIds, type Digest } from '@gantry/oci';
import { type CallContext, detached, isErrorOf } from '@gantry/rpc';
import type { BlobLayer, Refs } from '../../refs/ref';
import { insist } from '../../worker/insist';
import type { Services } from '../../worker/services';

/** What gantry-images understands beside the name of a snapshot that is being made: it is to hold what the own layer of this one holds (ADR 0290). Others pass it over. */
const SAME_TREE = 'gantry.io/snapshot.same-tree';

export type UnpackServices = Pick<Services, 'snapshots' | 'diff' | 'inStore' | 'snapshotter'>;

/** Lays the layers of an image out under their chain ids, as containerd's unpacker names them, so that containers start on it at once. */
export async function unpack(
  services: UnpackServices,
  refs: Pick<Refs, 'fill' | 'snapshotOf'>,
  ctx: CallContext,
  layers: readonly BlobLayer[],
): Promise<void> {
  const store = services.inStore(ctx);
  const chains = chainIds(layers.map(({ diffId }) => diffId as Digest));
  let next = chains.length;
  while (next > 0 && !(await exists(services, ctx, chains[next - 1] ?? ''))) next--;
  for (const [at, layer] of layers.entries())
    if (at >= next) await lay(services, refs, store, { layer, chain: chains[at] ?? '', parent: chains[at - 1] ?? '' });
}

async function exists({ snapshots, snapshotter, inStore }: UnpackServices, ctx: CallContext, key: string): Promise<boolean> {
  try {
    await snapshots.stat(inStore(ctx), { snapshotter, key });
    return true;
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return false;
    throw error;
  }
}

async function lay(
  { snapshots, diff, snapshotter }: UnpackServices,
  refs: Pick<Refs, 'fill' | 'snapshotOf'>,
  store: CallContext,
  { layer: { blob, diffId }, chain, parent }: { readonly layer: BlobLayer; readonly chain: string; readonly parent: string },
): Promise<void> {
  const key = `extract-${randomBytes(8).toString('hex')} ${chain}`;
  const labels = { 'containerd.io/snapshot.ref': chain };
  const { mediaType, digest, size } = blob;
  try {
    const source = refs.snapshotOf(diffId);
    const asked = source === undefined ? labels : { ...labels, [SAME_TREE]: source };
    const { mounts } = await snapshots.prepare(store, { snapshotter, key, parent, labels: asked });
    if (!(await refs.fill(store, diffId, mounts)))
      await diff.apply(store, { diff: { mediaType, digest, size: BigInt(size), annotations: {} }, mounts, payloads: {}, syncFs: false });
    await snapshots.commit(store, { snapshotter, key, name: chain, labels, parent });
  } catch (error) {
    await insist(() => snapshots.remove(detached(store), { snapshotter, key })).catch(() => undefined);
    if (!isErrorOf(error, 'alreadyExists')) throw error; // somebody else was faster, or the snapshotter shows the tree that it has
  }
}
