import { readFile } from 'node:fs/promises';
import { wallMicros } from '@gantry/api';
import type { ContainerStats, NetworkInterfaceUsage, NetworkUsage, PodSandboxStats } from '@gantry/api/runtime/v1/api';
import { isHostNetwork, type Pod } from '../sandboxes/pod';

/** What a pod uses: the sum of its containers, and its network. */
export async function podStats(pod: Pod, { pid }: { readonly pid: number }, containers: ContainerStats[]): Promise<PodSandboxStats> {
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
      network: pid === 0 || isHostNetwork(config) ? undefined : await networkOf(pid, timestamp),
      process: undefined,
      containers,
      io: undefined,
    },
    windows: undefined,
  };
}

/** Interfaces as the pod's own network namespace counts them. */
async function networkOf(pid: number, timestamp: bigint): Promise<NetworkUsage | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/net/dev`, 'utf8');
  } catch {
    return undefined; // its holder has ended
  }
  const interfaces = interfacesOf(text).filter(({ name }) => name !== 'lo');
  return { timestamp, defaultInterface: interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0], interfaces };
}

/** Lines of /proc/net/dev: bytes and errors are the first and third number of each way. */
export function interfacesOf(text: string): NetworkInterfaceUsage[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', numbers = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === '') return [];
    const at = numbers.trim().split(/\s+/).map(BigInt);
    const value = (index: number): { value: bigint } => ({ value: at[index] ?? 0n });
    return [{ name, rxBytes: value(0), rxErrors: value(2), txBytes: value(8), txErrors: value(10) }];
  });
}
