import { randomBytes } from 'node:crypto';
import type { Descriptor as WireDescriptor, Mount } from '@gantry/api/containerd/types/types';
import { type CallContext, derive, detached, ignore, isErrorOf } from '@gantry/rpc';
import { insist } from '../worker/insist';
import type { Services } from '../worker/services';

/** The one lease that holds what the builder's records name. */
export const LEASE = 'gantry-build';

export type StoreServices = Pick<Services, 'snapshots' | 'diff' | 'content' | 'images' | 'leases' | 'snapshotter' | 'inStore'>;

/** Keys of this prefix are the builder's own: trees that are written to, views, committed trees. */
export const OWN = 'gantry-build-';

/**
 * Snapshots of the store, each under the builder's lease from the moment it is made. What changes one is not cut short by who goes away, and is asked again where the
 * service died over it: afterwards it is known whether there is one.
 */
export class Snapshots {
  /** Blobs that this process has put under the lease. */
  private readonly blobs = new Set<string>();

  constructor(private readonly services: StoreServices) {}

  get name(): string {
    return this.services.snapshotter;
  }

  /** The context of calls whose outcome the builder's lease holds. */
  leased(ctx: CallContext): CallContext {
    return derive(this.services.inStore(ctx), { lease: LEASE });
  }

  /** Keys are used once. */
  async prepare(ctx: CallContext, key: string, parent: string, labels: Record<string, string> = {}): Promise<readonly Mount[]> {
    const asked = { snapshotter: this.name, key, parent, labels };
    return this.made(ctx, key, async (leased) => (await this.services.snapshots.prepare(leased, asked)).mounts);
  }

  async view(ctx: CallContext, parent: string): Promise<{ readonly key: string; readonly mounts: readonly Mount[] }> {
    const key = `${OWN}view-${randomBytes(8).toString('hex')}`;
    const asked = { snapshotter: this.name, key, parent, labels: {} };
    return { key, mounts: await this.made(ctx, key, async (leased) => (await this.services.snapshots.view(leased, asked)).mounts) };
  }

  async mounts(ctx: CallContext, key: string): Promise<readonly Mount[]> {
    return (await insist(() => this.services.snapshots.mounts(this.leased(ctx), { snapshotter: this.name, key }))).mounts;
  }

  async commit(ctx: CallContext, key: string, name: string, labels: Record<string, string> = {}): Promise<void> {
    const asked = { snapshotter: this.name, key, name, labels, parent: '' };
    await insist(async (again) => {
      try {
        await this.services.snapshots.commit(this.leased(detached(ctx)), asked);
      } catch (error) {
        if (!again || !isErrorOf(error, 'notFound', 'alreadyExists') || (await this.exists(ctx, key))) throw error;
        if (!(await this.exists(ctx, name))) throw error;
      }
    });
  }

  /** One that is gone already is fine. */
  async remove(ctx: CallContext, key: string): Promise<void> {
    const leased = this.leased(detached(ctx));
    await unlessGone(insist(() => this.services.snapshots.remove(leased, { snapshotter: this.name, key })));
  }

  async exists(ctx: CallContext, key: string): Promise<boolean> {
    try {
      await insist(() => this.services.snapshots.stat(this.leased(ctx), { snapshotter: this.name, key }));
      return true;
    } catch (error) {
      if (isErrorOf(error, 'notFound')) return false;
      throw error;
    }
  }

  /** Puts a snapshot that others made under the builder's lease. False when there is none of the name. */
  async adopt(ctx: CallContext, key: string): Promise<boolean> {
    if (!(await this.exists(ctx, key))) return false;
    const resource = { type: `snapshots/${this.name}`, id: key };
    await insist(() => this.services.leases.addResource(this.leased(ctx), { id: LEASE, resource }));
    return this.exists(ctx, key); // it may have gone before the lease held it
  }

  /** The builder does not need it any more; it goes when nobody else holds it. */
  letGo(ctx: CallContext, key: string): Promise<void> {
    return this.unlease(ctx, { type: `snapshots/${this.name}`, id: key });
  }

  /** Puts a blob under the builder's lease; false where there is none. */
  async holdBlob(ctx: CallContext, digest: string): Promise<boolean> {
    const { leases, content } = this.services;
    const leased = this.leased(ctx);
    try {
      if (!this.blobs.has(digest)) await leases.addResource(leased, { id: LEASE, resource: { type: 'content', id: digest } });
      this.blobs.add(digest);
      await content.info(leased, { digest });
      return true;
    } catch (error) {
      this.blobs.delete(digest);
      if (!isErrorOf(error, 'notFound')) throw error;
      return false;
    }
  }

  letGoBlob(ctx: CallContext, digest: string): Promise<void> {
    this.blobs.delete(digest);
    return this.unlease(ctx, { type: 'content', id: digest });
  }

  async size(ctx: CallContext, key: string): Promise<number> {
    return Number((await this.services.snapshots.usage(this.leased(ctx), { snapshotter: this.name, key })).size);
  }

  /** Digest of the tar that a layer's blob was. */
  async apply(ctx: CallContext, diff: WireDescriptor, mounts: readonly Mount[]): Promise<string> {
    const { applied } = await this.services.diff.apply(this.leased(ctx), { diff, mounts: [...mounts], payloads: {}, syncFs: false });
    return applied?.digest ?? '';
  }

  private async unlease(ctx: CallContext, resource: { readonly type: string; readonly id: string }): Promise<void> {
    const leased = this.leased(detached(ctx));
    await unlessGone(insist(() => this.services.leases.deleteResource(leased, { id: LEASE, resource })));
  }

  private async made(ctx: CallContext, key: string, make: (leased: CallContext) => Promise<readonly Mount[]>): Promise<readonly Mount[]> {
    ctx.signal.throwIfAborted();
    const leased = this.leased(detached(ctx));
    const mounts = await insist(async (again) => {
      try {
        return await make(leased);
      } catch (error) {
        if (!again || !isErrorOf(error, 'alreadyExists') || !(await this.exists(leased, key))) throw error;
        return this.mounts(leased, key); // made before the service died
      }
    });
    if (!ctx.signal.aborted) return mounts;
    await this.remove(ctx, key);
    throw ctx.signal.reason as Error;
  }
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  await call.catch(ignore('notFound'));
}
