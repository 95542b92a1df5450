import { createHash, randomBytes } from 'node:crypto';
import type { Kind as WireKind, SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Mount as WireMount } from '@gantry/api/containerd/types/types';
import { ignore, type Logger, newContext, notImplemented, type ServiceClient } from '@gantry/rpc';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import { type RecordedOptions, RecordedSnapshotter } from './recorded';
import { Kind, type SnapshotRecord } from './records';
import type { CommitOptions, Mount, Usage } from './snapshotter';

export type SnapshotsClient = Pick<
  ServiceClient<typeof SnapshotsService>,
  'prepare' | 'view' | 'mounts' | 'commit' | 'remove' | 'stat' | 'list' | 'usage' | 'cleanup'
>;

export interface ProxyOptions extends RecordedOptions {
  readonly client: SnapshotsClient;
  /** The name of the snapshotter there. */
  readonly remote: string;
  /** What our names begin with there, different for every store. */
  readonly prefix: string;
  readonly logger: Logger;
}

/** Mounts that are remembered as given out. */
const REMEMBERED = 4096;

/** Namespace of all that we keep with a foreign snapshotter. */
const NAMESPACE = 'gantry';

/**
 * A foreign snapshotter behind containerd's Snapshots contract. Names there are our own; the store remembers them, so that a call that was cut off
 * leaves at worst a snapshot without record, which the next start removes.
 */
export class ProxySnapshotter extends RecordedSnapshotter {
  private readonly ctx = newContext({ namespace: NAMESPACE });
  private removing: Promise<void> = Promise.resolve();
  /** Mounts that were told to somebody: what the diff service may write to. */
  private readonly told = new Set<string>();
  /** Names there of calls that are on their way: what is there and what is recorded differ for a moment. */
  private readonly busy = new Set<string>();

  constructor(private readonly options: ProxyOptions) {
    super(options);
  }

  prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return this.make(scope, { key, parent, labels, kind: Kind.active });
  }

  view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    return this.make(scope, { key, parent, labels, kind: Kind.view });
  }

  /** Its directories are its own business. */
  lowerDirectories(): string[] {
    return [];
  }

  /** Whether these are mounts that this snapshotter gave out since the service started. */
  gave(mounts: readonly Mount[]): boolean {
    return this.told.has(JSON.stringify(mounts.map(({ type, source, options }) => [type, source, options])));
  }

  discard({ backend }: Pick<SnapshotRecord, 'backend'>): void {
    this.removing = this.removing
      .then(() => this.removeStray(backend))
      .catch((error: unknown) =>
        this.options.logger.warn({ snapshot: backend, snapshotter: this.name, err: error }, 'foreign snapshot not removed'),
      );
  }

  async cleanup(): Promise<void> {
    await this.removing;
    await this.options.client.cleanup(this.ctx, { snapshotter: this.options.remote }).catch(ignore('notImplemented'));
  }

  async withParent<T>(record: SnapshotRecord, fn: (mounts: readonly Mount[]) => Promise<T>): Promise<T> {
    const key = this.fresh();
    this.busy.add(key);
    try {
      const { mounts } = await this.options.client.view(this.ctx, {
        snapshotter: this.options.remote,
        key,
        parent: record.backend,
        labels: held({}),
      });
      try {
        return await fn(this.note(mounts));
      } finally {
        await this.removeStray(key);
      }
    } finally {
      this.busy.delete(key);
    }
  }

  async missing(records: readonly SnapshotRecord[]): Promise<SnapshotRecord[]> {
    const busy = [...this.busy];
    const there = new Set([...(await this.ours()), ...busy, ...this.busy]);
    return records.filter(({ id, backend }) => !there.has(backend) && this.options.table.byId(id)?.backend === backend);
  }

  async strays(): Promise<string[]> {
    const known = (): string[] => [...this.options.table.all().map(({ backend }) => backend), ...this.busy];
    const before = known();
    const there = await this.ours();
    const ever = new Set([...before, ...known()]);
    return there.filter((name) => !ever.has(name));
  }

  async removeStray(name: string): Promise<void> {
    await this.options.client.remove(this.ctx, { snapshotter: this.options.remote, key: name }).catch(ignore('notFound'));
  }

  private async make(
    scope: Scope,
    { key, parent, labels, kind }: { readonly key: string; readonly parent: string; readonly labels: Labels; readonly kind: Kind },
  ): Promise<readonly Mount[]> {
    this.refuseKnown(scope, key);
    const base = parent === '' ? '' : this.committed(scope, parent).backend;
    const backend = this.fresh();
    const call = { snapshotter: this.options.remote, key: backend, parent: base, labels: held(labels) };
    this.busy.add(backend);
    let mounts: readonly WireMount[];
    try {
      ({ mounts } =
        kind === Kind.view ? await this.options.client.view(this.ctx, call) : await this.options.client.prepare(this.ctx, call));
      try {
        this.insert(scope, { key, parent, kind, labels, backend }, () => undefined);
      } catch (error) {
        await this.removeStray(backend);
        throw error;
      }
    } finally {
      this.busy.delete(backend);
    }
    this.options.listener?.prepared(scope, key, parent);
    return this.note(mounts);
  }

  /** Committed there first: cut off in between, our record names what is gone, and both are forgotten at the next start. */
  protected override async beforeCommit(record: SnapshotRecord, { labels, parent = '' }: CommitOptions): Promise<string> {
    if (parent !== '' && record.parent === null)
      throw notImplemented(`snapshot ${record.name} was prepared without a parent: snapshotter ${this.name} cannot put it on ${parent}`);
    const name = this.fresh();
    const names = [record.backend, name];
    for (const each of names) this.busy.add(each);
    try {
      await this.options.client.commit(this.ctx, {
        snapshotter: this.options.remote,
        name,
        key: record.backend,
        labels: held(labels),
        parent: '',
      });
      return name;
    } finally {
      setImmediate(() => names.forEach((each) => this.busy.delete(each))); // the record follows before anything else is done
    }
  }

  protected async measure(record: SnapshotRecord): Promise<Usage> {
    const { size, inodes } = await this.options.client.usage(this.ctx, { snapshotter: this.options.remote, key: record.backend });
    return { size: Number(size), inodes: Number(inodes) };
  }

  protected async mountsOf(record: SnapshotRecord): Promise<readonly Mount[]> {
    return this.note((await this.options.client.mounts(this.ctx, { snapshotter: this.options.remote, key: record.backend })).mounts);
  }

  private note(mounts: readonly WireMount[]): readonly Mount[] {
    const plain = mounts.map(({ type, source, options }) => ({ type, source, options }));
    for (const oldest of this.told) if (this.told.size >= REMEMBERED) this.told.delete(oldest);
    this.told.add(JSON.stringify(plain.map(({ type, source, options }) => [type, source, options])));
    return plain;
  }

  private fresh(): string {
    return `${this.options.prefix}/${randomBytes(12).toString('hex')}`;
  }

  /** Names of ours there, children first. */
  private async ours(): Promise<string[]> {
    const found: { readonly name: string; readonly kind: WireKind; readonly parent: string }[] = [];
    for await (const { info } of this.options.client.list(this.ctx, { snapshotter: this.options.remote, filters: [] })) {
      found.push(...info.filter(({ name }) => name.startsWith(`${this.options.prefix}/`)));
    }
    const parents = new Map(found.map(({ name, parent }) => [name, parent]));
    const depth = (name: string): number => {
      let count = 0;
      for (let at = parents.get(name); at !== undefined && at !== '' && count < found.length; at = parents.get(at)) count++;
      return count;
    };
    return found.map(({ name }) => name).sort((a, b) => depth(b) - depth(a));
  }
}

/** Labels for there: its own garbage collection is to leave what our records hold alone, and knows nothing of our references. */
function held(labels: Labels): Labels {
  const rest = Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('containerd.io/gc.')));
  return { ...rest, 'containerd.io/gc.root': new Date().toISOString() };
}

/** A proxied snapshotter of the configuration. */
export interface ProxyConfig {
  readonly name: string;
  /** Unix socket that serves containerd.services.snapshots.v1. */
  readonly socket: string;
  /** What it is called there; the same name unless told. */
  readonly remote: string;
}

/** NAME=SOCKET or NAME=SOCKET,REMOTE. */
export function parseProxy(text: string): ProxyConfig | undefined {
  const match = /^([A-Za-z0-9][\w.-]*)=(\/[^,]+)(?:,([\w.-]+))?$/.exec(text);
  const [, name, socket, remote] = match ?? [];
  return name === undefined || socket === undefined ? undefined : { name, socket, remote: remote ?? name };
}

/** Different for every data root, the same at every start. */
export const proxyPrefix = (data: string): string => `gantry-${createHash('sha256').update(data).digest('hex').slice(0, 16)}`;
