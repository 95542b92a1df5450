import { errorText, newContext } from '@gantry/rpc';
import type { Uses } from '../engine';

type Needs = Uses<{
  records: 'dockerNamespace' | 'getDocker';
  volumes: 'releaseReference';
  life: 'onEnded';
  logger: true;
}>;

/** Milliseconds that a plugin may take; what is not unmounted by then is when the container is removed. */
const UNMOUNT_MS = 20_000;

/** Volumes that plugins keep are mounted while their container runs: its end is told to them, and then to whoever waits for it. */
export function unmountAtEnd(engine: Needs): void {
  engine.life.onEnded(async (id) => {
    const mounts = engine.records.getDocker(id)?.docker.mounts ?? [];
    const kept = mounts.filter(({ type, driver }) => type === 'volume' && driver !== '' && driver !== 'local');
    const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
    const unmount = (name: string): Promise<unknown> =>
      engine.volumes
        .releaseReference(ctx, { name, containerId: id, keep: true }, { timeoutMs: UNMOUNT_MS })
        .catch((error: unknown) => engine.logger.warn({ volume: name, container: id }, `a volume was not unmounted: ${errorText(error)}`));
    await Promise.all([...new Set(kept.map((mount) => mount.name))].map(unmount));
  });
}
