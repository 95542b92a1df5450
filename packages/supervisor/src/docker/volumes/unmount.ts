import { errorText, newContext } from '@gantry/rpc';
import type { Uses } from '../engine';

type Needs = Uses<{
  records: 'dockerNamespace' | 'getDocker';
  volumes: 'releaseReference';
  life: 'onEnded';
  logger: true;
}>;

/** Volumes that plugins keep are mounted while their container runs: its end is told to them. */
export function unmountAtEnd(engine: Needs): void {
  engine.life.onEnded((id) => {
    const mounts = engine.records.getDocker(id)?.docker.mounts ?? [];
    const kept = mounts.filter(({ type, driver }) => type === 'volume' && driver !== '' && driver !== 'local');
    const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
    for (const name of new Set(kept.map((mount) => mount.name)))
      engine.volumes
        .releaseReference(ctx, { name, containerId: id, keep: true })
        .catch((error: unknown) => engine.logger.warn({ volume: name, container: id }, `a volume was not unmounted: ${errorText(error)}`));
  });
}
