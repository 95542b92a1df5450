import { didYouMean, quoted, type Stages } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import type { StageState } from './state';
import type { StageStates } from './states';

/** The stage that is built: the one that was asked for, else the last one of the file. */
export function findTarget(states: StageStates, name: string): StageState {
  if (name === '') return states.last;
  const found = states.named(name);
  if (found === undefined) throw invalidArgument(`target stage ${quoted(name)} could not be found${didYouMean(name, states.names)}`);
  return found;
}

/** The classic builder does all stages in their order, and stops behind the target. */
export function upToTarget(parsed: Stages, target: string): Stages {
  const at = target === '' ? -1 : parsed.stages.findIndex(({ stage }) => stage.toLowerCase() === target.toLowerCase());
  return at < 0 ? parsed : { ...parsed, stages: parsed.stages.slice(0, at + 1) };
}
