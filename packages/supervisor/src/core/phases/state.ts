import { failedPrecondition } from '@gantry/rpc';
import { type DockerContainer, Phase, type RunState } from '../records';

/** Every way a container's phase may change; anything else is a bug or a race that lost, and is refused. */
const transitions = {
  [Phase.PHASE_UNSPECIFIED]: [],
  [Phase.PHASE_CREATED]: [Phase.PHASE_STARTING, Phase.PHASE_REMOVING],
  [Phase.PHASE_STARTING]: [Phase.PHASE_RUNNING, Phase.PHASE_CREATED, Phase.PHASE_EXITED],
  [Phase.PHASE_RUNNING]: [Phase.PHASE_PAUSED, Phase.PHASE_RESTARTING, Phase.PHASE_EXITED, Phase.PHASE_REMOVING],
  [Phase.PHASE_PAUSED]: [Phase.PHASE_RUNNING, Phase.PHASE_RESTARTING, Phase.PHASE_EXITED, Phase.PHASE_REMOVING],
  [Phase.PHASE_RESTARTING]: [Phase.PHASE_STARTING, Phase.PHASE_EXITED, Phase.PHASE_REMOVING],
  [Phase.PHASE_EXITED]: [Phase.PHASE_STARTING, Phase.PHASE_RESTARTING, Phase.PHASE_REMOVING],
  [Phase.PHASE_REMOVING]: [Phase.PHASE_DEAD],
  [Phase.PHASE_DEAD]: [Phase.PHASE_REMOVING],
} as const satisfies Record<Phase, readonly Phase[]>;

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

const emptyState: RunState = {
  phase: Phase.PHASE_CREATED,
  pid: 0,
  exitCode: 0n,
  error: '',
  startedAt: '',
  finishedAt: '',
  oomKilled: false,
  restartCount: 0n,
  manuallyStopped: false,
  bootId: '',
  socket: '',
};

export function stateOf(docker: DockerContainer): RunState {
  return docker.state ?? emptyState;
}

export function phaseOf(docker: DockerContainer): Phase {
  return stateOf(docker).phase;
}

/**
 * The one place where docker's words are derived. A container that starts again keeps the word of its last end until it runs; one that
 * its policy starts is restarting until then.
 */
export function dockerStatus(docker: DockerContainer): DockerStatus {
  const state = stateOf(docker);
  if (state.phase === Phase.PHASE_STARTING && state.finishedAt !== '')
    return state.restartCount > 0n && !state.manuallyStopped ? 'restarting' : 'exited';
  return words[state.phase];
}

/** True for a container with a live process: running or paused. */
export function isRunning(docker: DockerContainer): boolean {
  const phase = phaseOf(docker);
  return phase === Phase.PHASE_RUNNING || phase === Phase.PHASE_PAUSED;
}

export function canMove(from: Phase, to: Phase): boolean {
  return (transitions[from] as readonly Phase[]).includes(to);
}

/** Docker's view with the phase changed, other fields of the state changed along. Throws failedPrecondition for a move that the table lacks. */
export function moveTo(docker: DockerContainer, phase: Phase, change: Partial<Omit<RunState, 'phase'>> = {}): DockerContainer {
  const from = phaseOf(docker);
  if (!canMove(from, phase)) {
    throw failedPrecondition(`container ${docker.name}: cannot go from ${words[from]} to ${words[phase]}`);
  }
  return { ...docker, state: { ...stateOf(docker), ...change, phase } };
}

/** Docker's view with fields of the state changed, the phase kept. */
export function withState(docker: DockerContainer, change: Partial<Omit<RunState, 'phase'>>): DockerContainer {
  return { ...docker, state: { ...stateOf(docker), ...change } };
}
