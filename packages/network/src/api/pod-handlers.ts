import type { AddPodRequest, PodNetwork, PodNetworkServiceService } from '@gantry/api/gantry/network/v1/pods';
import { type Handlers, invalidArgument, type StreamTicket } from '@gantry/rpc';
import { listOf } from '../cni/attachments';
import type { JsonObject } from '../cni/config-list';
import type { PodOnNetwork, Pods } from '../cni/pods';
import type { NetworkConfig } from '../config';
import type { PodPort } from '../operations/open-pod-port';

/** gantry.network.v1's pods over the programs of the CNI configuration. */
export function podHandlers(
  pods: Pods,
  { cni }: Pick<NetworkConfig, 'cni'>,
  openPort: (port: PodPort) => Promise<StreamTicket>,
): Handlers<PodNetworkServiceService> {
  return {
    addPod: async (ctx, request) => ({ network: networkOf(await pods.add(ctx, { ...request, capabilities: capabilitiesOf(request) })) }),
    delPod: async (ctx, request) => {
      await pods.remove(ctx, request);
      return {};
    },
    checkPod: async (ctx, request) => ({ network: networkOf(await pods.check(ctx, request.sandboxId)) }),
    collectPods: async (ctx, request) => ({ sandboxIds: await pods.collect(ctx, request.sandboxIds) }),
    openPodPort: async (_ctx, request) => ({ ticket: await openPort(request) }),
    getPodNetworkStatus: async (ctx) => {
      const { network, file = '', problems, problem } = await pods.status(ctx);
      return {
        ready: problem === '',
        message: problem,
        networkName: network?.name ?? '',
        file,
        problems: [...problems],
        configJson: network === undefined ? '' : JSON.stringify(listOf(network)),
        confDirectory: cni['conf-directory'],
        pluginDirectories: [...cni['plugin-directories']],
      };
    },
  };
}

function networkOf({ attachment, result }: PodOnNetwork): PodNetwork {
  const first = attachment.interface;
  return {
    sandboxId: attachment.sandboxId,
    name: attachment.network.name,
    ipAddresses: result.addresses.map(({ address }) => address.split('/')[0] ?? ''),
    interfaces: result.interfaces.map(({ name, mac, sandbox }) => ({
      name,
      macAddress: mac,
      netnsPath: sandbox,
      addresses: result.addresses.flatMap((each) =>
        sandbox !== '' && name === (each.interface === '' ? first : each.interface) ? [each.address] : [],
      ),
    })),
    resultJson: JSON.stringify(attachment.result ?? {}),
  };
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** What was given, in CNI's words ("Well-known Capabilities" of its conventions). What was not given is not there. */
function capabilitiesOf(request: AddPodRequest): JsonObject {
  const { portMappings, bandwidth, dns, ipRangeSets, macAddress, ipAddresses, aliases, cgroupPath, deviceId, podAnnotations } = request;
  for (const { hostPort, containerPort, protocol } of portMappings) {
    if (!PROTOCOLS.includes(protocol))
      throw invalidArgument(`port mapping of ${containerPort}: protocol "${protocol}" is not tcp, udp or sctp`);
    for (const port of [hostPort, containerPort])
      if (port < 1 || port > 65535) throw invalidArgument(`port mapping: port ${port} is not between 1 and 65535`);
  }
  return {
    ...some(
      'portMappings',
      portMappings.map(({ hostIp, ...each }) => ({ ...each, ...(hostIp === '' ? {} : { hostIP: hostIp }) })),
    ),
    ...(bandwidth === undefined ? {} : { bandwidth: ratesOf(bandwidth) }),
    ...(dns === undefined ? {} : { dns: { servers: dns.servers, searches: dns.searches, options: dns.options } }),
    ...some(
      'ipRanges',
      ipRangeSets.map(({ ranges }) => ranges.map((range) => Object.fromEntries(Object.entries(range).filter(([, value]) => value !== '')))),
    ),
    ...(macAddress === '' ? {} : { mac: macAddress }),
    ...some('ips', ipAddresses),
    ...some('aliases', aliases),
    ...(cgroupPath === '' ? {} : { cgroupPath }),
    ...(deviceId === '' ? {} : { deviceID: deviceId }),
    ...(Object.keys(podAnnotations).length === 0 ? {} : { 'io.kubernetes.cri.pod-annotations': podAnnotations }),
  };
}

const some = (name: string, list: JsonObject[string] & readonly unknown[]): JsonObject => (list.length === 0 ? {} : { [name]: list });

function ratesOf(rates: Readonly<Record<'ingressRate' | 'ingressBurst' | 'egressRate' | 'egressBurst', bigint>>): JsonObject {
  const number = (value: bigint): number => {
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidArgument(`bandwidth: ${value} is more than ${Number.MAX_SAFE_INTEGER}`);
    return Number(value);
  };
  return {
    ingressRate: number(rates.ingressRate),
    ingressBurst: number(rates.ingressBurst),
    egressRate: number(rates.egressRate),
    egressBurst: number(rates.egressBurst),
  };
}
