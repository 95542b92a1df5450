import { Phase, phaseOf, stateOf } from '../../core/phases';
import { tellDied } from '../containers';
import type { Engine, Uses } from '../engine';

type Needs = Uses<{ records: 'listDocker'; events: 'emit' | 'lastOfRuns' }> & Pick<Engine, 'face'>;

const ENDED: readonly Phase[] = [Phase.PHASE_EXITED, Phase.PHASE_RESTARTING, Phase.PHASE_REMOVING, Phase.PHASE_DEAD];

/**
 * Ends that were written, and of which nobody was told: they are told when the network is given back, and this process died before that. To be
 * called before anything else ends.
 */
export function tellUntoldEnds(engine: Needs): void {
  const last = engine.events.lastOfRuns();
  for (const record of engine.records.listDocker()) {
    if (last.get(record.id) !== 'start' || !ENDED.includes(phaseOf(record.docker))) continue;
    const { exitCode, startedAt, finishedAt } = stateOf(record.docker);
    engine.face.disconnected(record.id);
    tellDied(engine, record, exitCode, Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)));
  }
}
