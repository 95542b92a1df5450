import type { LinuxContainerResources } from '@gantry/api/runtime/v1/api';
import type { Cgroups } from '@gantry/linux';
import type { LinuxCpu, LinuxMemory, LinuxResources } from '@gantry/oci';
import { hostCgroups } from './host-cgroups';

/**
 * kubelet's limits in OCI's words; zero says nothing. Of huge pages it allows none, page size by page size, to every container that asks for none:
 * where the host has no cgroup for them (runc and crun fail then), that is left out, and a limit that was asked for stays.
 */
export function resourcesOf(given: LinuxContainerResources, hugePages?: boolean): LinuxResources {
  const cpu: LinuxCpu = {
    ...(given.cpuShares === 0n ? {} : { shares: Number(given.cpuShares) }),
    ...(given.cpuQuota === 0n ? {} : { quota: Number(given.cpuQuota) }),
    ...(given.cpuPeriod === 0n ? {} : { period: Number(given.cpuPeriod) }),
    ...(given.cpusetCpus === '' ? {} : { cpus: given.cpusetCpus }),
    ...(given.cpusetMems === '' ? {} : { mems: given.cpusetMems }),
  };
  // A limit alone is one of swap, too: a container swaps only where that was asked for.
  const swap = given.memorySwapLimitInBytes === 0n ? given.memoryLimitInBytes : given.memorySwapLimitInBytes;
  const memory: LinuxMemory = {
    ...(given.memoryLimitInBytes === 0n ? {} : { limit: Number(given.memoryLimitInBytes) }),
    ...(swap === 0n ? {} : { swap: Number(swap) }),
  };
  const none = given.hugepageLimits.some(({ limit }) => limit === 0n) && (hugePages ?? limitsHugePages(hostCgroups()));
  const pages = given.hugepageLimits
    .filter(({ limit }) => none || limit > 0n)
    .map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) }));
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(pages.length === 0 ? {} : { hugepageLimits: pages }),
    ...(Object.keys(given.unified).length === 0 ? {} : { unified: { ...given.unified } }),
  };
}

/** With both versions of cgroups mounted, those of containers are of the first: what the second has then is nobody's. */
export function limitsHugePages({ mode, find }: Pick<Cgroups, 'mode' | 'find'>): boolean {
  return find('hugetlb')?.version === (mode === 'v2' ? 2 : 1);
}

/** Where a container's cgroup lies: below the pod's, which kubelet made. */
export function cgroupOf(parent: string, id: string, systemd: boolean): string {
  if (!systemd) return `${parent === '' ? '/k8s.io' : parent.replace(/\/+$/, '')}/${id}`;
  const slice = parent.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return `${slice === '' ? 'system.slice' : slice}:cri-gantry:${id}`;
}
