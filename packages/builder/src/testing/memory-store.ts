import { createHash } from 'node:crypto';
import { WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import type { Image } from '@gantry/api/containerd/services/images/v1/images';
import { alreadyExists, type CallContext, dataLoss, notFound } from '@gantry/rpc';
import type { Services } from '../worker/services';

/** Content, images, leases and snapshots of containerd, in memory: what exporters and sources ask of them. */
export class MemoryStore {
  readonly blobs = new Map<string, { readonly bytes: Buffer; labels: Record<string, string> }>();
  readonly images = new Map<string, Image>();
  /** What records of images were said to be made at, by name. */
  readonly epochs = new Map<string, bigint>();
  readonly leases = new Map<string, Record<string, string>>();
  readonly snapshots = new Map<string, string>();
  readonly applied: string[] = [];

  put(bytes: Buffer, labels: Record<string, string> = {}): { readonly digest: string; readonly size: number } {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.blobs.set(digest, { bytes, labels });
    return { digest, size: bytes.length };
  }

  json(digest: string): unknown {
    return JSON.parse(this.blob(digest).bytes.toString());
  }

  private blob(digest: string) {
    const found = this.blobs.get(digest);
    if (found === undefined) throw notFound(`content ${digest}`);
    return found;
  }

  get services(): Services {
    return {
      snapshotter: 'overlayfs',
      inStore: (ctx: CallContext) => ctx,
      content: {
        info: async (_ctx: unknown, { digest }: { digest: string }) => {
          const { bytes, labels } = this.blob(digest);
          return { info: { digest, size: BigInt(bytes.length), labels } };
        },
        read: (_ctx: unknown, { digest, offset }: { digest: string; offset: bigint }) => this.read(digest, Number(offset)),
        write: (_ctx: unknown, requests: AsyncIterable<WriteContentRequest>) => this.write(requests),
        update: async (_ctx: unknown, { info }: { info: { digest: string; labels: Record<string, string> } }) => {
          Object.assign(this.blob(info.digest).labels, info.labels);
        },
      },
      images: {
        get: async (_ctx: unknown, { name }: { name: string }) => {
          const image = this.images.get(name);
          if (image === undefined) throw notFound(name);
          return { image };
        },
        list: async (_ctx: unknown, { filters }: { filters: readonly string[] }) => ({
          images: [...this.images.values()].filter(
            ({ target }) => filters.length === 0 || filters.includes(`target.digest==${target?.digest ?? ''}`),
          ),
        }),
        create: async (_ctx: unknown, { image, sourceDateEpoch }: { image: Image; sourceDateEpoch?: { seconds: bigint } }) => {
          if (this.images.has(image.name)) throw alreadyExists(image.name);
          if (sourceDateEpoch !== undefined) this.epochs.set(image.name, sourceDateEpoch.seconds);
          this.images.set(image.name, image);
        },
        update: async (_ctx: unknown, { image }: { image: Image }) => void this.images.set(image.name, image),
      },
      leases: {
        create: async (_ctx: unknown, { id, labels }: { id: string; labels: Record<string, string> }) => void this.leases.set(id, labels),
        delete: async (_ctx: unknown, { id }: { id: string }) => void this.leases.delete(id),
        addResource: () => Promise.resolve(),
      },
      snapshots: {
        stat: async (_ctx: unknown, { key }: { key: string }) => {
          if (!this.snapshots.has(key)) throw notFound(key);
        },
        prepare: async (_ctx: unknown, { key, parent }: { key: string; parent: string }) => {
          this.snapshots.set(key, parent);
          return { mounts: [] };
        },
        commit: async (_ctx: unknown, { key, name }: { key: string; name: string }) => {
          this.snapshots.set(name, this.snapshots.get(key) ?? '');
          this.snapshots.delete(key);
        },
        remove: async (_ctx: unknown, { key }: { key: string }) => void this.snapshots.delete(key),
      },
      diff: { apply: async (_ctx: unknown, { diff }: { diff: { digest: string } }) => void this.applied.push(diff.digest) },
    } as unknown as Services;
  }

  private async *read(digest: string, offset: number): AsyncGenerator<{ data: Buffer }> {
    yield { data: this.blob(digest).bytes.subarray(offset) };
  }

  private async *write(requests: AsyncIterable<WriteContentRequest>): AsyncGenerator<{ action: WriteAction; offset: bigint }> {
    const parts: Buffer[] = [];
    for await (const { action, expected, data, labels } of requests) {
      if (this.blobs.has(expected)) throw alreadyExists(expected);
      parts.push(data);
      if (action === WriteAction.COMMIT && this.put(Buffer.concat(parts), labels).digest !== expected) throw dataLoss(expected);
      yield { action, offset: 0n };
    }
  }
}
