import { mkdir } from 'node:fs/promises';
import type { Mount } from '@gantry/api/containerd/types/types';
import { withMounts } from '@gantry/linux';
import type { CallContext } from '@gantry/rpc';
import type { Layout } from '../layers/lay';
import type { Ref } from '../ref';
import type { Snapshots } from '../snapshots';

export interface View {
  readonly mounts: readonly Mount[];
  release(): Promise<void>;
}

/** Trees shown read-only. */
export class Views {
  constructor(
    private readonly base: {
      readonly snapshots: Snapshots;
      readonly layout: Layout;
      /** A directory that stays empty: scratch. */
      readonly empty: string;
    },
  ) {}

  async open(ctx: CallContext, ref: Pick<Ref, 'id'> | undefined): Promise<View> {
    const { snapshots, layout, empty } = this.base;
    if (ref === undefined) {
      await mkdir(empty, { recursive: true, mode: 0o755 });
      return { mounts: [{ type: 'bind', source: empty, target: '', options: ['ro', 'rbind'] }], release: () => Promise.resolve() };
    }
    const { key, mounts } = await snapshots.view(ctx, await layout.snapshot(ctx, ref.id));
    return { mounts, release: () => snapshots.remove(ctx, key) };
  }

  /** The tree is mounted nowhere that others see: it is reached through a descriptor of this process, and is gone with it. */
  async with<T>(ctx: CallContext, ref: Ref | undefined, use: (path: string) => Promise<T>): Promise<T> {
    const held = ref?.clone();
    try {
      const view = await this.open(ctx, held);
      try {
        return await withMounts(view.mounts, use);
      } finally {
        await view.release();
      }
    } finally {
      held?.release();
    }
  }
}
