import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { CacheTree, Ref, Refs, WorkingTree } from '../refs/ref';

/** Refs over plain folders, for tests of what stands on them: each commit is one more layer. */
export class FakeRefs implements Pick<Refs, 'prepare' | 'view' | 'checksum' | 'cacheTree'> {
  readonly held = new Map<string, number>();
  readonly descriptions: string[] = [];
  private readonly layers = new Map<string, readonly string[]>();
  private readonly caches = new Map<string, { readonly tree: CacheTree; readonly path: string; inUse: boolean }[]>();
  private made = 0;

  constructor(private readonly folder: string) {}

  /** A ref of a folder as it is. */
  of(path: string): Ref {
    const id = `ref${this.made++}`;
    this.layers.set(id, [path]);
    return this.hold(id);
  }

  /** The folder of what a ref's last step wrote. */
  top(ref: Ref | undefined): string {
    return this.layers.get(ref?.id ?? '')?.at(-1) ?? '';
  }

  async prepare(_ctx: unknown, parent: Ref | undefined, { description }: { description: string }): Promise<WorkingTree> {
    this.descriptions.push(description);
    const lower = this.layers.get(parent?.id ?? '') ?? [];
    const base = join(this.folder, `tree${this.made++}`);
    const upper = join(base, 'upper');
    for (const path of [upper, join(base, 'work')]) mkdirSync(path, { recursive: true });
    const id = `ref${this.made++}`;
    return {
      id,
      mounts: [lower.length === 0 ? bind(upper) : overlay(lower, [`upperdir=${upper}`, `workdir=${join(base, 'work')}`])],
      noteDigests: () => undefined,
      noteList: () => undefined,
      commit: async () => {
        this.layers.set(id, [...lower, upper]);
        return this.hold(id);
      },
      discard: async () => rmSync(base, { recursive: true, force: true }),
    };
  }

  async view(_ctx: unknown, ref: Ref | undefined): Promise<{ mounts: Mount[]; release(): Promise<void> }> {
    const layers = this.layers.get(ref?.id ?? '') ?? [];
    const only = layers.length === 1 ? layers[0] : undefined;
    return { mounts: [only === undefined ? overlay(layers, []) : bind(only, 'ro')], release: () => Promise.resolve() };
  }

  async checksum(): Promise<string> {
    return 'sha256:0';
  }

  async cacheTree(_ctx: unknown, key: string, { base }: { base: Ref | undefined }): Promise<CacheTree> {
    const all = this.caches.get(key) ?? [];
    this.caches.set(key, all);
    let free = all.find(({ inUse }) => !inUse);
    if (free === undefined) {
      const { id, mounts } = await this.prepare(undefined, base, { description: `cache ${key}` });
      const path = mounts[0]?.source ?? '';
      const entry = { tree: { id, mounts, release: () => void (entry.inUse = false) }, path, inUse: false };
      all.push(entry);
      free = entry;
    }
    free.inUse = true;
    return free.tree;
  }

  /** How many trees a cache has. */
  cachesOf(key: string): number {
    return this.caches.get(key)?.length ?? 0;
  }

  /** Where the first tree of a cache without a base is. */
  cachePath(key: string): string {
    return this.caches.get(key)?.[0]?.path ?? '';
  }

  private hold(id: string): Ref {
    this.held.set(id, (this.held.get(id) ?? 0) + 1);
    let open = true;
    return {
      id,
      clone: () => this.hold(id),
      release: () => {
        if (open) this.held.set(id, (this.held.get(id) ?? 1) - 1);
        open = false;
      },
    };
  }
}

function bind(source: string, ...options: string[]): Mount {
  return { type: 'bind', source, target: '', options: ['rbind', ...options] };
}

function overlay(lower: readonly string[], options: readonly string[]): Mount {
  return {
    type: 'overlay',
    source: 'overlay',
    target: '',
    options: ['index=off', `lowerdir=${[...lower].reverse().join(':')}`, ...options],
  };
}
