import { Phase, type RunState } from '@gantry/api/gantry/engine/v1/record';
import { failedPrecondition } from '@gantry/rpc';

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

/** For people, in messages. */
const words = {
  [Phase.PHASE_UNSPECIFIED]: 'no phase',
  [Phase.PHASE_CREATED]: 'created',
  [Phase.PHASE_STARTING]: 'starting',
  [Phase.PHASE_RUNNING]: 'running',
  [Phase.PHASE_PAUSED]: 'paused',
  [Phase.PHASE_RESTARTING]: 'restarting',
  [Phase.PHASE_EXITED]: 'exited',
  [Phase.PHASE_REMOVING]: 'removing',
  [Phase.PHASE_DEAD]: 'dead',
} as const satisfies Record<Phase, string>;

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

/** A face's view of a container, as far as the core knows it. */
export interface Stateful {
  readonly name: string;
  readonly state: RunState | undefined;
}

/** What goes with a change of the phase. */
export type StateChange = Partial<Omit<RunState, 'phase'>>;

export function stateOf({ state }: Pick<Stateful, 'state'>): RunState {
  return state ?? emptyState;
}

export function phaseOf(view: Pick<Stateful, 'state'>): Phase {
  return stateOf(view).phase;
}

/** True for a container with a live process: running or paused. */
export function isRunning(view: Pick<Stateful, 'state'>): boolean {
  const phase = phaseOf(view);
  return phase === Phase.PHASE_RUNNING || phase === Phase.PHASE_PAUSED;
}

export function canMove(from: Phase, to: Phase): boolean {
  return (transitions[from] as readonly Phase[]).includes(to);
}

/** The view with the phase changed, other fields of the state changed along. Throws failedPrecondition for a move that the table lacks. */
export function moveTo<View extends Stateful>(view: View, phase: Phase, change: StateChange = {}): View {
  const from = phaseOf(view);
  if (!canMove(from, phase)) throw failedPrecondition(`container ${view.name}: cannot go from ${words[from]} to ${words[phase]}`);
  return { ...view, state: { ...stateOf(view), ...change, phase } };
}

/** The view with fields of the state changed, the phase kept. */
export function withState<View extends Stateful>(view: View, change: StateChange): View {
  return { ...view, state: { ...stateOf(view), ...change } };
}
