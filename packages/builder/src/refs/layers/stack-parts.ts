import { randomBytes } from 'node:crypto';
import type { Mount } from '@gantry/api/containerd/types/types';
import { layersOf } from '@gantry/linux';
import { type TreeProgram, TreeRequest } from '@gantry/native';
import { type CallContext, notImplemented } from '@gantry/rpc';
import type { TreeRecord } from '../records/record';
import type { RecordTable } from '../records/table';
import { OWN, type Snapshots } from '../snapshots';
import { snapshotName } from '../trees/working';
import type { Part } from './parts';
import type { Stacker } from './stack';

interface View {
  readonly mounts: readonly Mount[];
  release(): Promise<void>;
}

/**
 * Lays layers over one another in one snapshot. What the lowest ones share with a tree that is there already is not laid again; of the others files are linked where the
 * snapshots lie on one file system. Only layers of overlayfs can be read off their own directory, others are found by comparing.
 */
export class LinkingStacker implements Stacker {
  constructor(
    private readonly base: { readonly snapshots: Snapshots; readonly records: RecordTable; readonly program: Pick<TreeProgram, 'run'> },
  ) {}

  async stack(ctx: CallContext, record: TreeRecord, parts: readonly Part[], snapshot: (id: string) => Promise<string>): Promise<string> {
    const { snapshots, records, program } = this.base;
    const shared = sharedDepth(parts);
    const below = parts[shared - 1]?.upper;
    const name = snapshotName(record.id);
    const key = `${OWN}stack-${randomBytes(8).toString('hex')}`;
    const views: View[] = [];
    try {
      const parent = below === undefined ? '' : await snapshot(below);
      const target = targetOf(await snapshots.prepare(ctx, key, parent));
      const request = new TreeRequest('S').text(target.path).number(target.overlay);
      if (target.overlay) request.mounts((await this.open(ctx, parent, views)).mounts);
      request.number(parts.length - shared);
      for (const part of parts.slice(shared)) await this.add(ctx, request, part, { views, snapshot });
      await program.run(request, ctx.signal);
      await snapshots.commit(ctx, key, name);
    } catch (error) {
      await snapshots.remove(ctx, key);
      throw error;
    } finally {
      for (const view of views) await view.release();
    }
    records.laid(record.id, name);
    return name;
  }

  private async open(ctx: CallContext, snapshot: string, views: View[]): Promise<View> {
    const { key, mounts } = await this.base.snapshots.view(ctx, snapshot);
    const view = { mounts, release: () => this.base.snapshots.remove(ctx, key) };
    views.push(view);
    return view;
  }

  private async add(
    ctx: CallContext,
    request: TreeRequest,
    { lower, upper }: Part,
    { views, snapshot }: { readonly views: View[]; readonly snapshot: (id: string) => Promise<string> },
  ): Promise<void> {
    const { records } = this.base;
    const open = async (id: string): Promise<View> => this.open(ctx, await snapshot(id), views);
    const right = upper === undefined ? undefined : await open(upper);
    const own = right !== undefined && lower === parentOf(records, upper) ? ownLayer(right.mounts, lower === undefined) : undefined;
    const left = lower === undefined ? undefined : await open(lower);
    if (own === undefined) request.number('c'.charCodeAt(0));
    else request.number('l'.charCodeAt(0)).text(own);
    for (const side of own === undefined ? [left, right] : [left]) {
      request.number(side !== undefined);
      if (side !== undefined) request.mounts(side.mounts);
    }
  }
}

/** How many of the lowest layers are those of one tree. */
function sharedDepth(parts: readonly Part[]): number {
  let depth = 0;
  for (let below: string | undefined; depth < parts.length; depth++) {
    const part = parts[depth];
    if (part?.upper === undefined || part.lower !== below) break;
    below = part.upper;
  }
  return depth;
}

/** What the tree's own layer lies on; a tree that is itself laid out of layers has none. */
function parentOf(records: RecordTable, id: string | undefined): string | undefined {
  const record = id === undefined ? undefined : records.get(id);
  return record?.kind === 'tree' || record?.kind === 'layer' ? record.parents[0] : '';
}

/** The directory of a snapshot's own changes, where its mounts tell: overlayfs' topmost, or the whole of a tree that stands on nothing. */
export function ownLayer(mounts: readonly Mount[], lowest: boolean): string | undefined {
  const [mount] = mounts;
  if (mounts.length !== 1 || mount === undefined) return undefined;
  if (mount.type === 'overlay') return layersOf(mount)?.[0];
  return lowest && mount.type === 'bind' ? mount.source : undefined;
}

/** Where the changes of a snapshot that is written to lie. */
function targetOf(mounts: readonly Mount[]): { readonly overlay: boolean; readonly path: string } {
  const [mount] = mounts;
  const upper = mount?.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
  if (mounts.length === 1 && mount?.type === 'overlay' && upper !== undefined) return { overlay: true, path: upper };
  if (mounts.length === 1 && mount?.type === 'bind') return { overlay: false, path: mount.source };
  throw notImplemented(`trees cannot be merged on mounts of type ${mount?.type ?? 'none'}`);
}
