import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount as ContainerdMount } from '@gantry/api/containerd/types/types';
import { CacheSharingOpt, type Mount } from '@gantry/api/pb/ops';
import { type CallContext, invalidArgument, type Logger } from '@gantry/rpc';
import { mountAt, unmount, unmountBelow } from '../../../mounts/mount';
import type { CacheTree, Ref, Refs } from '../../../refs/ref';
import type { SpecialMount } from '../mounts';

/** A hold of a cache's tree; the tree is released with the last hold of it. */
interface Hold {
  readonly source: readonly ContainerdMount[];
  release(): Promise<void>;
}

/** The holds of one step: its mounts of one cache show the same tree, whatever the sharing says. */
export type StepCaches = Map<string, { readonly hold: Promise<Hold>; count: number }>;

/**
 * The trees of cache mounts. Those who share one cache have one tree; a private mount takes one that nobody has; a locked one waits until nobody has any.
 */
export class CacheMounts {
  private readonly shared = new Map<string, { readonly hold: Promise<Hold>; count: number }>();
  private readonly holds = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(private readonly needs: { readonly refs: Pick<Refs, 'cacheTree'>; readonly directory: string; readonly logger: Logger }) {}

  async mount(
    ctx: CallContext,
    { mount, base, caches, description }: { mount: Mount; base: Ref | undefined; caches: StepCaches; description: string },
  ): Promise<SpecialMount> {
    const { dest, cacheOpt } = mount;
    if (cacheOpt === undefined) throw invalidArgument(`mount ${dest}: missing cache mount options`);
    if (CacheSharingOpt[cacheOpt.sharing] === undefined)
      throw invalidArgument(`mount ${dest}: invalid cache sharing option ${cacheOpt.sharing}`);
    const id = cacheOpt.ID || dest;
    const key = cacheKey(id, base);
    const about = { description: `cached mount ${dest} from ${description}${id === dest ? '' : ` with id "${id}"`}` };
    return counted(caches, key, () => {
      switch (cacheOpt.sharing) {
        case CacheSharingOpt.LOCKED:
          return this.locked(ctx, key, base, about.description);
        case CacheSharingOpt.PRIVATE:
          return this.take(ctx, key, base, about.description);
        default:
          return counted(this.shared, key, () => this.take(ctx, key, base, about.description));
      }
    });
  }

  /** Takes away what a former life mounted. */
  async clear(): Promise<void> {
    await unmountBelow(this.needs.directory);
    await rm(this.needs.directory, { recursive: true, force: true });
  }

  /** A tree that nobody has. */
  private async take(ctx: CallContext, key: string, base: Ref | undefined, description: string): Promise<Hold> {
    this.holds.set(key, (this.holds.get(key) ?? 0) + 1);
    try {
      const tree = await this.needs.refs.cacheTree(ctx, key, { base, shared: false }, { description, type: 'exec.cachemount' });
      try {
        const { source, release } = await this.shareable(tree);
        return {
          source,
          release: async () => {
            await release();
            tree.release();
            this.given(key);
          },
        };
      } catch (error) {
        tree.release();
        throw error;
      }
    } catch (error) {
      this.given(key);
      throw error;
    }
  }

  private async locked(ctx: CallContext, key: string, base: Ref | undefined, description: string): Promise<Hold> {
    while ((this.holds.get(key) ?? 0) > 0) await this.untilGiven(ctx, key);
    return this.take(ctx, key, base, description);
  }

  /** An overlay is mounted once, and what is mounted is bound: the same upper directory under two mounts is nothing that works. */
  private async shareable({ id, mounts }: CacheTree): Promise<Hold> {
    if (mounts.length === 1 && mounts[0]?.type === 'bind') return { source: mounts, release: () => Promise.resolve() };
    const path = join(this.needs.directory, id.replaceAll(/[^A-Za-z0-9]/g, '_'));
    await mkdir(path, { recursive: true, mode: 0o700 });
    let mounted = 0;
    const release = async (): Promise<void> => {
      for (; mounted > 0; mounted--) await unmount(path);
      await rm(path, { recursive: true, force: true });
    };
    try {
      for (const mount of mounts) {
        await mountAt(path, mount);
        mounted++;
      }
    } catch (error) {
      await release();
      throw error;
    }
    return { source: [{ type: 'bind', source: path, target: '', options: ['rbind'] }], release };
  }

  private given(key: string): void {
    const left = (this.holds.get(key) ?? 1) - 1;
    if (left > 0) this.holds.set(key, left);
    else this.holds.delete(key);
    const [next, ...others] = this.waiting.get(key) ?? [];
    if (others.length > 0) this.waiting.set(key, others);
    else this.waiting.delete(key);
    next?.();
  }

  /** Resolves when somebody gives a tree of this key back; rejects when the context ends. */
  private untilGiven(ctx: CallContext, key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.waiting.set(
          key,
          (this.waiting.get(key) ?? []).filter((each) => each !== turn),
        );
        reject(ctx.signal.reason as Error);
      };
      const turn = (): void => {
        ctx.signal.removeEventListener('abort', fail);
        resolve();
      };
      if (ctx.signal.aborted) return reject(ctx.signal.reason as Error);
      ctx.signal.addEventListener('abort', fail, { once: true });
      this.waiting.set(key, [...(this.waiting.get(key) ?? []), turn]);
    });
  }
}

/** Name of a cache's trees: those on a base of their own are others. */
export function cacheKey(id: string, base: Ref | undefined): string {
  return base === undefined ? id : `${id}:${base.id}`;
}

/** The hold of a key, made for the first who wants it and released by the last. */
async function counted(
  holds: Map<string, { readonly hold: Promise<Hold>; count: number }>,
  key: string,
  make: () => Promise<Hold>,
): Promise<Hold> {
  const entry = holds.get(key) ?? { hold: make(), count: 0 };
  holds.set(key, entry);
  entry.count++;
  const release = async (): Promise<void> => {
    if (--entry.count > 0) return;
    if (holds.get(key) === entry) holds.delete(key);
    await (await entry.hold).release();
  };
  try {
    const { source } = await entry.hold;
    return { source, release };
  } catch (error) {
    entry.count--;
    if (holds.get(key) === entry) holds.delete(key);
    throw error;
  }
}
