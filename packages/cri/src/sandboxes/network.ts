import { type PodSandboxConfig, type PortMapping, Protocol } from '@gantry/api/runtime/v1/api';
import { ConnectRequest, type PortRequest } from '@gantry/api/gantry/network/v1/network';
import type { CallContext } from '@gantry/rpc';
import type { Services } from '../services';
import { hostnameOf } from './files';

/** Whose endpoints these are: the engine leaves them alone. */
export const OWNER = 'cri';

/** Puts a pod on the network of the engine that pods are on; its addresses. */
export async function connectPod(
  network: Pick<Services['network'], 'connect'>,
  ctx: CallContext,
  pod: { readonly id: string; readonly pid: number; readonly config: PodSandboxConfig; readonly networkRef: string },
): Promise<string[]> {
  const { id, config } = pod;
  const asked = ConnectRequest.fromPartial({
    networkRef: pod.networkRef,
    sandboxId: id,
    netnsPath: `/proc/${pod.pid}/ns/net`,
    containerName: `pod-${id}`,
    hostname: hostnameOf(config),
    ports: config.portMappings.filter(({ hostPort }) => hostPort > 0).map(portOf),
    owner: OWNER,
  });
  const { endpoint } = await network.connect(ctx, asked);
  return [endpoint?.ipAddress ?? '', endpoint?.ipv6Address ?? ''].filter((address) => address !== '');
}

export const portWords: Readonly<Record<Protocol, string>> = { [Protocol.TCP]: 'tcp', [Protocol.UDP]: 'udp', [Protocol.SCTP]: 'sctp' };

const portOf = ({ protocol, containerPort, hostPort, hostIp }: PortMapping): PortRequest => ({
  protocol: portWords[protocol],
  containerPort,
  hostIp,
  hostPort,
  hostPortEnd: 0,
});
