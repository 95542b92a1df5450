import type { RuntimeCondition, StatusResponse } from '@gantry/api/runtime/v1/api';
import { type CallContext, errorText, unavailable } from '@gantry/rpc';
import type { CriConfig } from '../config';
import type { Services } from '../services';
import type { HandlerFeatures } from './runtimes';

export interface StatusNeeds {
  readonly services: {
    readonly imageStore: Pick<Services['imageStore'], 'getInfo'>;
    readonly containers: Pick<Services['containers'], 'list'>;
    readonly network: Pick<Services['network'], 'getNetwork'>;
    readonly cni: Pick<Services['cni'], 'getPodNetworkStatus'>;
  };
  readonly config: Pick<CriConfig, 'pod-network' | 'cgroup-driver' | 'namespace'>;
  readonly version: string;
  readonly features: Pick<HandlerFeatures, 'list'>;
  /** As kubelet said it. */
  readonly podCidr: string;
}

/**
 * Milliseconds after which a service that does not answer is said to be not ready: less than the 30 s after which kubelet gives the runtime up, but
 * enough for a machine that starts all its pods at once, which is busy and not broken.
 */
const PATIENCE_MS = 20_000;

/** Whether pods can be run now: what they need is asked, not assumed. */
export async function runtimeStatus(needs: StatusNeeds, ctx: CallContext, verbose: boolean): Promise<StatusResponse> {
  const { services, config } = needs;
  const options = { timeoutMs: PATIENCE_MS };
  const runtime = Promise.all([
    services.containers.list(ctx, { filters: ['id==none'] }, options),
    services.imageStore.getInfo(ctx, {}, options),
  ]);
  const cni = services.cni.getPodNetworkStatus(ctx, {}, options);
  const network = cni.then(async ({ networkName, ready, message }) => {
    if (networkName === '') return services.network.getNetwork(ctx, { ref: config['pod-network'] }, options);
    if (!ready) throw unavailable(`Network plugin returns error: ${message}`);
    return undefined;
  });
  const conditions = await Promise.all([
    condition('RuntimeReady', 'RuntimeNotReady', runtime),
    condition('NetworkReady', 'NetworkPluginNotReady', network),
  ]);
  return {
    status: { conditions },
    info: verbose
      ? {
          config: JSON.stringify(config),
          version: JSON.stringify(needs.version),
          cniconfig: await configurationOf(cni),
          podCidr: JSON.stringify(needs.podCidr),
        }
      : {},
    runtimeHandlers: await needs.features.list(ctx),
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false, mountOptions: true },
  };
}

/** The CNI configuration that pods are put on the network by; empty: there is none, or it is not known now. */
const configurationOf = (asked: ReturnType<StatusNeeds['services']['cni']['getPodNetworkStatus']>): Promise<string> =>
  asked.then(
    ({ configJson }) => configJson,
    () => '',
  );

async function condition(type: string, reason: string, asked: Promise<unknown>): Promise<RuntimeCondition> {
  return asked.then(
    () => ({ type, status: true, reason: '', message: '' }),
    (error: unknown) => ({ type, status: false, reason, message: errorText(error) }),
  );
}
