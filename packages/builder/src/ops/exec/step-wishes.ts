import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LinuxResources } from '@gantry/oci';
import { limitsOf, validateResources } from '@gantry/spec';
import type { StepNetwork } from '../../executor/executor';

/** What a build of this process wants of its steps and LLB has no words for. */
export interface StepWishes {
  readonly network?: StepNetwork;
  /** Limits of each step's container; what is no limit of the classic builder is left at its default. */
  readonly limits?: HostConfig;
}

/** In a step's description: the name under which this process knows its wishes, so that no client's LLB can say them. */
export const STEP_WISHES = 'gantry.build.step-wishes';
export type KnownWishes = ReadonlyMap<string, StepWishes>;

/** Limits as a container has them. Throws invalidArgument for those that docker refuses, when the step is to run and no sooner, as the classic builder does. */
export async function resourcesOf({ limits }: StepWishes): Promise<LinuxResources> {
  if (limits === undefined) return {};
  validateResources(limits);
  return limitsOf(limits);
}
