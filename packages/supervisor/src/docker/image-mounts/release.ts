import { type CallContext, ignore } from '@gantry/rpc';
import { inDockerNamespace, type Uses } from '../engine';

type Needs = Uses<{ snapshots: 'remove'; activations: 'deactivate'; records: 'dockerNamespace' }>;

/** Unmounts the files of images that a container had, and takes their snapshots away. What is gone already is fine. */
export async function releaseImageViews(
  engine: Needs,
  caller: CallContext,
  views: readonly { readonly snapshotter: string; readonly key: string }[],
): Promise<void> {
  const ctx = inDockerNamespace(engine, caller);
  for (const { snapshotter, key } of views) {
    await engine.activations.deactivate(ctx, { name: key }).catch(ignore('notFound'));
    await engine.snapshots.remove(ctx, { snapshotter, key }).catch(ignore('notFound'));
  }
}
