import { createHash, randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { workLabels } from '@gantry/api';
import { type ContentService, WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import type { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import type { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Descriptor, Mount } from '@gantry/api/containerd/types/types';
import { Any } from '@gantry/api/google/protobuf/any';
import { type CallContext, derive, detached, failedPrecondition, invalidArgument, isErrorOf, type ServiceClient } from '@gantry/rpc';
import type { Snapshotters } from '../snapshotters';

/** Media types of a checkpoint's parts in the index that a client writes for it. */
export const CHECKPOINT = 'application/vnd.containerd.container.criu.checkpoint.criu.tar';
export const CHECKPOINT_CONFIG = 'application/vnd.containerd.container.checkpoint.config.v1+proto';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Checkpoints as blobs of the content store, which clients make images of. */
export interface CheckpointImages {
  /** Stores what `write` leaves in the directory that it is given, and the container's specification. */
  save(ctx: CallContext, spec: Any, write: (directory: string) => Promise<void>): Promise<Descriptor[]>;
  /** Lays a stored checkpoint out in a directory. */
  load(ctx: CallContext, checkpoint: Descriptor, directory: string): Promise<void>;
}

export interface CheckpointNeeds {
  readonly snapshots: Pick<ServiceClient<typeof SnapshotsService>, 'prepare' | 'remove'>;
  readonly diff: ServiceClient<typeof DiffService>;
  readonly content: Pick<ServiceClient<typeof ContentService>, 'write'>;
  readonly leases: Pick<ServiceClient<typeof LeasesService>, 'create' | 'delete'>;
  readonly snapshotters: Snapshotters;
}

interface Scratch {
  readonly directory: string;
  readonly mounts: Mount[];
}

/** Through the images service's own contracts: the directory is a snapshot without a parent, the tar its difference from nothing. */
export function checkpointImages({ snapshots, diff, content, leases, snapshotters }: CheckpointNeeds): CheckpointImages {
  /** The snapshot lies under a lease of its own and goes with it, whatever becomes of the caller. */
  const withScratch = async <T>(ctx: CallContext, work: (scratch: Scratch) => Promise<T>): Promise<T> => {
    const [snapshotter = ''] = await snapshotters(ctx);
    const key = `gantry.checkpoint.${randomUUID()}`;
    const { lease: _callers, ...plain } = detached(ctx);
    await leases.create(ctx, { id: key, labels: workLabels() });
    try {
      const { mounts } = await snapshots.prepare(derive(ctx, { lease: key }), { snapshotter, key, parent: '', labels: {} });
      try {
        const [mount] = mounts;
        if (mount === undefined || mounts.length > 1 || mount.type !== 'bind')
          throw failedPrecondition(`snapshotter "${snapshotter}" gives no plain directory, in which a checkpoint could be laid out`);
        return await work({ directory: mount.source, mounts });
      } finally {
        await snapshots.remove(plain, { snapshotter, key });
      }
    } finally {
      await leases.delete(plain, { id: key, sync: false });
    }
  };

  return {
    save: (ctx, spec, write) =>
      withScratch(ctx, async ({ directory, mounts }) => {
        await write(directory);
        const ref = `gantry.checkpoint.${randomUUID()}`;
        const { diff: stored } = await diff.diff(ctx, {
          left: [],
          right: mounts,
          mediaType: LAYER,
          ref,
          labels: {},
          sourceDateEpoch: undefined,
        });
        if (stored === undefined) throw failedPrecondition('the images service told no descriptor of a checkpoint');
        const config = Buffer.from(Any.encode(spec).finish());
        return [
          { ...stored, mediaType: CHECKPOINT },
          { mediaType: CHECKPOINT_CONFIG, digest: await writeBlob(ctx, content, config), size: BigInt(config.length), annotations: {} },
        ];
      }),
    load: async (ctx, checkpoint, directory) => {
      if (checkpoint.mediaType !== CHECKPOINT)
        throw invalidArgument(`unsupported checkpoint type "${checkpoint.mediaType}": invalid argument`);
      await withScratch(ctx, async (scratch) => {
        await diff.apply(ctx, { diff: { ...checkpoint, mediaType: LAYER }, mounts: scratch.mounts, payloads: {}, syncFs: false });
        await cp(scratch.directory, directory, { recursive: true });
      });
    },
  };
}

async function writeBlob(ctx: CallContext, content: CheckpointNeeds['content'], data: Buffer): Promise<string> {
  const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  const request: WriteContentRequest = {
    action: WriteAction.COMMIT,
    ref: `gantry.checkpoint.${randomUUID()}`,
    total: BigInt(data.length),
    expected: digest,
    offset: 0n,
    data,
    labels: {},
  };
  const requests = (async function* () {
    yield request;
  })();
  try {
    for await (const _answer of content.write(ctx, requests)); // its last is the commit's
  } catch (error) {
    if (!isErrorOf(error, 'alreadyExists')) throw error;
  }
  return digest;
}
