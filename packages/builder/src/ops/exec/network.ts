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
