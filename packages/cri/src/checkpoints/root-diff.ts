import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { workLabels } from '@gantry/api';
import { WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { hasCode } from '@gantry/linux';
import { type CallContext, derive, detached, failedPrecondition, ignore, isErrorOf } from '@gantry/rpc';
import type { Services } from '../services';

const LAYER = 'application/vnd.oci.image.layer.v1.tar';

export type DiffNeeds = Pick<Services, 'snapshots' | 'diff' | 'content' | 'leases'>;

/** What a container changed in its image's files, as a layer. The images service writes it; it lies in the content store under a lease meanwhile. */
export async function writeRootDiff(services: DiffNeeds, ctx: CallContext, record: Container, path: string): Promise<void> {
  const { snapshots, diff, content } = services;
  const { snapshotter, snapshotKey: key } = record;
  await underLease(services, ctx, async (leased, lease) => {
    const { info } = await snapshots.stat(leased, { snapshotter, key });
    const view = `${lease}-parent`;
    const left = await snapshots.view(leased, { snapshotter, key: view, parent: info?.parent ?? '', labels: {} });
    try {
      const right = await snapshots.mounts(leased, { snapshotter, key });
      const { diff: layer } = await diff.diff(leased, {
        left: left.mounts,
        right: right.mounts,
        mediaType: LAYER,
        ref: lease,
        labels: {},
        sourceDateEpoch: undefined,
      });
      if (layer === undefined) throw failedPrecondition(`the images service told no difference of snapshot "${key}"`);
      const file = await open(path, 'wx', 0o600);
      try {
        for await (const { data } of content.read(leased, { digest: layer.digest, offset: 0n, size: 0n })) await file.writeFile(data);
      } finally {
        await file.close();
      }
    } finally {
      await snapshots.remove(detached(ctx), { snapshotter, key: view }).catch(ignore('notFound'));
    }
  });
}

/** Whatever becomes of the caller, what was made under the lease can be collected afterwards. */
async function underLease(
  { leases }: Pick<Services, 'leases'>,
  ctx: CallContext,
  work: (leased: CallContext, lease: string) => Promise<void>,
): Promise<void> {
  const id = `gantry.cri.checkpoint.${randomUUID()}`;
  const free = detached(ctx);
  await leases.create(free, { id, labels: workLabels() });
  try {
    await work(derive(ctx, { lease: id }), id);
  } finally {
    await leases.delete(free, { id, sync: false });
  }
}

/** Lays such a layer over the files of a container that is being made; packed by gzip it is containerd's. Nothing where the checkpoint has none. */
export async function applyRootDiff(
  services: DiffNeeds,
  ctx: CallContext,
  { snapshotter, key, path }: { readonly snapshotter: string; readonly key: string; readonly path: string },
): Promise<void> {
  const file = await open(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const mediaType = buffer.equals(Buffer.from([0x1f, 0x8b])) ? `${LAYER}+gzip` : LAYER;
    await underLease(services, ctx, async (leased, ref) => {
      const digest = await store(services.content, leased, { file, size, ref });
      const { mounts } = await services.snapshots.mounts(leased, { snapshotter, key });
      const layer = { mediaType, digest, size: BigInt(size), annotations: {} };
      await services.diff.apply(leased, { diff: layer, mounts, payloads: {}, syncFs: false });
    });
  } finally {
    await file.close();
  }
}

const PART = 1 << 20;

/** Puts a file into the content store, and tells its digest. */
async function store(
  content: DiffNeeds['content'],
  ctx: CallContext,
  { file, size, ref }: { readonly file: FileHandle; readonly size: number; readonly ref: string },
): Promise<string> {
  const hash = createHash('sha256');
  let digest = '';
  const parts = async function* (): AsyncGenerator<WriteContentRequest> {
    const same = { ref, total: BigInt(size), labels: {} };
    for (let at = 0; at < size;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(PART), 0, PART, at);
      if (bytesRead === 0) break;
      const data = buffer.subarray(0, bytesRead);
      hash.update(data);
      yield { ...same, action: WriteAction.WRITE, expected: '', offset: BigInt(at), data };
      at += bytesRead;
    }
    digest = `sha256:${hash.digest('hex')}`;
    yield { ...same, action: WriteAction.COMMIT, expected: digest, offset: BigInt(size), data: Buffer.alloc(0) };
  };
  try {
    for await (const _answer of content.write(ctx, parts())); // its last is the commit's
  } catch (error) {
    if (!isErrorOf(error, 'alreadyExists')) throw error;
  }
  return digest;
}
