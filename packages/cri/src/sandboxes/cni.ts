import { AddPodRequest } from '@gantry/api/gantry/network/v1/pods';
import type { PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import type { CallContext } from '@gantry/rpc';
import type { Services } from '../services';
import { portWords } from './network';

export interface PodPlace {
  readonly id: string;
  readonly pid: number;
  readonly config: PodSandboxConfig;
}

/** Puts a pod on the network of the CNI configuration; its addresses. Undefined: there is no configuration. */
export async function addByCni(
  cni: Pick<Services['cni'], 'getPodNetworkStatus' | 'addPod'>,
  ctx: CallContext,
  pod: PodPlace,
): Promise<string[] | undefined> {
  const { networkName } = await cni.getPodNetworkStatus(ctx, {});
  if (networkName === '') return undefined;
  const { network } = await cni.addPod(ctx, requestOf(pod));
  return [...(network?.ipAddresses ?? [])];
}

/** What programs are told of a pod, each what it asks for. */
export function requestOf({ id, pid, config }: PodPlace): AddPodRequest {
  const { metadata, dnsConfig, linux } = config;
  return AddPodRequest.fromPartial({
    sandboxId: id,
    netnsPath: `/proc/${pid}/ns/net`,
    args: {
      IgnoreUnknown: '1',
      K8S_POD_NAMESPACE: metadata?.namespace ?? '',
      K8S_POD_NAME: metadata?.name ?? '',
      K8S_POD_INFRA_CONTAINER_ID: id,
      K8S_POD_UID: metadata?.uid ?? '',
    },
    portMappings: config.portMappings
      .filter(({ hostPort }) => hostPort > 0)
      .map(({ protocol, containerPort, hostPort, hostIp }) => ({ protocol: portWords[protocol], containerPort, hostPort, hostIp })),
    dns:
      dnsConfig === undefined
        ? undefined
        : { servers: [...dnsConfig.servers], searches: [...dnsConfig.searches], options: [...dnsConfig.options] },
    cgroupPath: linux?.cgroupParent ?? '',
    podAnnotations: { ...config.annotations },
  });
}
