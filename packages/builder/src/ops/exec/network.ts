import { NetMode } from '@gantry/api/pb/ops';
import type { StepNetwork } from '../../executor/executor';

/** The network that a mode of LLB means. */
export function networkOf(mode: NetMode): StepNetwork {
  switch (mode) {
    case NetMode.HOST:
      return 'host';
    case NetMode.NONE:
      return 'none';
    default:
      return 'default';
  }
}

/** In a step's description: the name under which this process knows its network, which LLB has no word for. */
export const STEP_NETWORK = 'gantry.build.step-network';
export type StepNetworks = ReadonlyMap<string, StepNetwork>;
