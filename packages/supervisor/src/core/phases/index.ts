export { Phase, type RunState } from '@gantry/api/gantry/engine/v1/record';
export { canMove, isRunning, moveTo, phaseOf, type StateChange, type Stateful, stateOf, withState } from './state';
