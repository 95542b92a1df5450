import type { RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Handlers } from '@gantry/rpc';
import type { CriConfig } from '../config';
import type { Services } from '../services';
import { runtimeConfig } from './config';
import { runtimeStatus } from './status';

export interface RuntimeNeeds {
  readonly services: Services;
  readonly config: CriConfig;
  readonly version: string;
}

/** The version of the interface between kubelet and its runtimes that all of them tell. */
const KUBELET_API = '0.1.0';

/** What kubelet asks of the runtime as such. */
export function runtimeHandlers(needs: RuntimeNeeds): Partial<Handlers<typeof RuntimeServiceService>> {
  return {
    version: async () => ({
      version: KUBELET_API,
      runtimeName: 'gantry',
      runtimeVersion: needs.version,
      runtimeApiVersion: 'v1',
    }),
    status: (ctx, { verbose }) => runtimeStatus(needs, ctx, verbose),
    runtimeConfig: async () => runtimeConfig(needs.config),
    // The range of the node's pods is for who makes their network of it: a CNI plugin has its own configuration, a network of the engine its own pool.
    updateRuntimeConfig: async () => ({}),
  };
}
