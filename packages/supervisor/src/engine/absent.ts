import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { unavailable } from '@gantry/rpc';
import type { ContainersEngine } from './contract';

const refuse = async (): Promise<never> => {
  throw unavailable('the containers engine is not there');
};

export function absentEngine(): ContainersEngine {
  return {
    handlers: Object.fromEntries(Object.keys(ContainersServiceService).map((name) => [name, refuse])) as never,
    connect: refuse,
    disconnect: refuse,
    removeFromContainerd: refuse,
    start: async () => undefined,
    stop: async () => undefined,
  };
}
