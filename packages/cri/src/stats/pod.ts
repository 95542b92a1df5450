import { wallMicros } from '@gantry/api';
import type { ContainerStats, NetworkUsage, PodSandboxStats } from '@gantry/api/runtime/v1/api';
import { isHostNetwork, type Pod } from '../sandboxes/pod';
import { type InterfaceCount, interfacesOf, usageOfInterface } from './interfaces';

/** Interfaces of a pod's own network; undefined: it has none, or its holder has ended. */
export const podInterfaces = async (
  { config }: Pick<Pod, 'config'>,
  { pid }: { readonly pid: number },
): Promise<InterfaceCount[] | undefined> => (pid === 0 || isHostNetwork(config) ? undefined : interfacesOf(pid));

/** What a pod uses: the sum of its containers, and its network. */
export async function podStats(pod: Pod, held: { readonly pid: number }, containers: ContainerStats[]): Promise<PodSandboxStats> {
  const { id, config } = pod;
  const timestamp = BigInt(wallMicros()) * 1000n;
  const sum = (of: (stats: ContainerStats) => { readonly value: bigint } | undefined): { value: bigint } => ({
    value: containers.reduce((total, stats) => total + (of(stats)?.value ?? 0n), 0n),
  });
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    linux: {
      cpu: { timestamp, usageCoreNanoSeconds: sum(({ cpu }) => cpu?.usageCoreNanoSeconds), usageNanoCores: undefined, psi: undefined },
      memory: {
        timestamp,
        workingSetBytes: sum(({ memory }) => memory?.workingSetBytes),
        availableBytes: sum(({ memory }) => memory?.availableBytes),
        usageBytes: sum(({ memory }) => memory?.usageBytes),
        rssBytes: sum(({ memory }) => memory?.rssBytes),
        pageFaults: sum(({ memory }) => memory?.pageFaults),
        majorPageFaults: sum(({ memory }) => memory?.majorPageFaults),
        psi: undefined,
      },
      network: networkOf(await podInterfaces(pod, held), timestamp),
      process: undefined,
      containers,
      io: undefined,
    },
    windows: undefined,
  };
}

/** Interfaces as the pod's own network namespace counts them. */
function networkOf(found: readonly InterfaceCount[] | undefined, timestamp: bigint): NetworkUsage | undefined {
  if (found === undefined) return undefined;
  const interfaces = found.map(usageOfInterface);
  return { timestamp, defaultInterface: interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0], interfaces };
}
