import { Phase, phaseOf, type Stateful, stateOf } from '../core/phases';

/** Docker's words (ContainerState.Status, `--filter status=`). */
export type DockerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

const words = {
  [Phase.PHASE_UNSPECIFIED]: 'created',
  [Phase.PHASE_CREATED]: 'created',
  [Phase.PHASE_STARTING]: 'created',
  [Phase.PHASE_RUNNING]: 'running',
  [Phase.PHASE_PAUSED]: 'paused',
  [Phase.PHASE_RESTARTING]: 'restarting',
  [Phase.PHASE_EXITED]: 'exited',
  [Phase.PHASE_REMOVING]: 'removing',
  [Phase.PHASE_DEAD]: 'dead',
} as const satisfies Record<Phase, DockerStatus>;

/**
 * The one place where docker's words are derived. A container that starts again keeps the word of its last end until it runs; one that
 * its policy starts is restarting until then.
 */
export function dockerStatus(view: Pick<Stateful, 'state'>): DockerStatus {
  const state = stateOf(view);
  if (phaseOf(view) === Phase.PHASE_STARTING && state.finishedAt !== '')
    return state.restartCount > 0n && !state.manuallyStopped ? 'restarting' : 'exited';
  return words[state.phase];
}
