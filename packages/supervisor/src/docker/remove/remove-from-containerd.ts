import { type CallContext, detached, failedPrecondition } from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import { type Engine, inDockerNamespace } from '../engine';
import { remove } from '../../core/remove/remove';
import { releaseNetwork } from '../../core/exit/release';

/** A client of containerd's face deleted a docker container: docker's side goes with it. */
export async function removeFromContainerd(engine: Engine, caller: CallContext, id: string): Promise<void> {
  const ctx = detached(inDockerNamespace(engine, caller));
  await engine.queues.run(id, async () => {
    const record = engine.records.getDocker(id);
    if (record === undefined) return;
    if (isRunning(record.docker)) throw failedPrecondition(`container ${id} has a running task`);
    engine.life.restarter.forget(id);
    await releaseNetwork(engine, ctx, id);
    await remove(engine, ctx, id, { volumes: false });
  });
}
