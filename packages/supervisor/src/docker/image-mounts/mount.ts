import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { type CallContext, isErrorOf, prefixed } from '@gantry/rpc';
import { inDockerNamespace, type Uses } from '../engine';

type Needs = Uses<{ snapshots: 'mounts'; activations: 'activate' | 'info'; records: 'dockerNamespace' }>;

/** Where on the host the files of an image are; they are mounted there from the first start on, until the container is removed. */
export async function mountImage(engine: Needs, caller: CallContext, mount: MountRecord): Promise<string> {
  const ctx = inDockerNamespace(engine, caller);
  const { snapshotter, snapshotKey: name } = mount;
  const mounts = async () => (await engine.snapshots.mounts(ctx, { snapshotter, key: name })).mounts;
  try {
    const { info } = await engine.activations
      .activate(ctx, { name, mounts: await mounts(), labels: {}, temporary: true })
      .catch(async (error: unknown) => {
        if (isErrorOf(error, 'alreadyExists')) return engine.activations.info(ctx, { name });
        throw error;
      });
    return info?.active.at(-1)?.mountPoint ?? '';
  } catch (error) {
    throw prefixed(error, `error while mounting image '${mount.name}'`);
  }
}
