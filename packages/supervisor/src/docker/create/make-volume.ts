import type { CallContext } from '@gantry/rpc';
import type { Uses } from '../engine';
import type { PlannedMount } from './mounts';

/** Milliseconds in which the images service makes a volume. */
const ANSWER_MS = 30_000;

/** The volume of a planned mount: made when it is not there, and told then. */
export async function makeVolume(
  engine: Uses<{ volumes: 'createVolume'; events: 'emit' }>,
  ctx: CallContext,
  { record, volume }: Required<PlannedMount>,
): Promise<void> {
  const labels = record.anonymous ? { 'com.docker.volume.anonymous': '', ...volume.labels } : volume.labels;
  const made = await engine.volumes.createVolume(
    ctx,
    { name: record.name, driver: volume.driver, options: { ...volume.options }, labels },
    { timeoutMs: ANSWER_MS },
  );
  if (!made.created) return;
  engine.events.emit({ type: 'volume', action: 'create', id: record.name, attributes: { driver: made.volume?.driver ?? 'local' } });
}
