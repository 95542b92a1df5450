import type { RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Handlers } from '@gantry/rpc';
import type { CriConfig } from '../config';
import type { Services } from '../services';
import { checkCidrs } from './cidrs';
import { runtimeConfig } from './config';
import { HandlerFeatures } from './runtimes';
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
  const features = new HandlerFeatures(needs.services, needs.config);
  let podCidr = '';
  return {
    version: async () => ({
      version: KUBELET_API,
      runtimeName: 'gantry',
      runtimeVersion: needs.version,
      runtimeApiVersion: 'v1',
    }),
    status: (ctx, { verbose }) => runtimeStatus({ ...needs, features, podCidr }, ctx, verbose),
    runtimeConfig: async () => runtimeConfig(needs.config),
    // For who makes the pods' network of it: a CNI configuration or a network of the engine has its own range. It is told by Status.
    async updateRuntimeConfig(_ctx, { runtimeConfig }) {
      podCidr = checkCidrs(runtimeConfig?.networkConfig?.podCidr ?? '');
      return {};
    },
  };
}
