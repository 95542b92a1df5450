import type { CallContext } from '@gantry/rpc';
import type { View, Views } from './view';

/** Views that several pieces of one work look at: each tree is shown once, until the work is done. */
export class ViewSet {
  private readonly open = new Map<string, Promise<View>>();

  constructor(private readonly views: Views) {}

  of(ctx: CallContext, id: string | undefined): Promise<View> {
    const key = id ?? '';
    const known = this.open.get(key);
    if (known !== undefined) return known;
    const opened = this.views.open(ctx, id === undefined ? undefined : { id });
    this.open.set(key, opened);
    return opened;
  }

  async close(): Promise<void> {
    const views = await Promise.allSettled(this.open.values());
    for (const view of views) if (view.status === 'fulfilled') await view.value.release();
  }
}
