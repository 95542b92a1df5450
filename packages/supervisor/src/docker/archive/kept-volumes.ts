import { randomBytes } from 'node:crypto';
import { type CallContext, errorText, newContext } from '@gantry/rpc';
import type { Uses } from '../engine';
import { mountsSeen } from '../update/plan-mounts';

export type KeptNeeds = Uses<{
  records: 'dockerNamespace' | 'requireDocker';
  volumes: 'addReference' | 'releaseReference';
  looks: 'look';
  logger: true;
}>;

/** Volumes of a container that plugins keep, mounted for one look into it. */
export interface KeptVolumes {
  /** What of them the container has, by where it has it. */
  readonly places: ReadonlyMap<string, string>;
  /** The look is over. Never fails: what is not unmounted now is when the container goes. */
  release(): Promise<void>;
}

/**
 * Mounts what plugins keep: a stopped container has none of it mounted, and a running one's may be unmounted at any time. Each look is a user of its own, named
 * after the container, with which it goes.
 */
export async function mountKept(engine: KeptNeeds, ctx: CallContext, id: string): Promise<KeptVolumes> {
  const { docker } = engine.records.requireDocker(id);
  const kept = mountsSeen(docker).filter(({ type, driver }) => type === 'volume' && driver !== '' && driver !== 'local');
  const names = [...new Set(kept.map(({ name }) => name))];
  const containerId = `${id} cp-${randomBytes(8).toString('hex')}`;
  const places = new Map<string, string>();
  const release = async (): Promise<void> => {
    const own = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
    for (const name of names)
      await engine.volumes
        .releaseReference(own, { name, containerId, keep: false })
        .catch((error: unknown) => engine.logger.warn({ volume: name, container: id }, `a volume was not unmounted: ${errorText(error)}`));
  };
  try {
    for (const { name, destination, subpath } of kept) {
      const { volume } = await engine.volumes.addReference(ctx, { name, containerId, mount: true });
      const path = volume?.mountpoint ?? '';
      const within = { path, failure: `volume ${name}: ${subpath}` };
      places.set(destination, subpath === '' ? path : (await engine.looks.look('inVolume', [path, subpath], within)).value);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { places, release };
}
