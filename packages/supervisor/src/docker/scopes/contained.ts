import type { CreateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';

interface Judge {
  /** Throws. */
  refuse(why: string): never;
  /** Throws when a container is out of reach. */
  reach(ref: string): void;
}

/** What a container may have that is not to reach beyond itself. Whatever is not named here is refused unless it is as if nobody had said it. */
const FINE: ReadonlySet<keyof HostConfig> = new Set<keyof HostConfig>([
  ...(['AutoRemove', 'RestartPolicy', 'HealthcheckOnFailureAction', 'Init', 'ConsoleSize', 'givenEmpty'] as const),
  ...(['Memory', 'MemoryReservation', 'MemorySwap', 'MemorySwappiness', 'NanoCpus', 'CpuShares', 'CpuPeriod', 'CpuQuota'] as const),
  ...(['CpusetCpus', 'CpusetMems', 'PidsLimit', 'BlkioWeight', 'OomKillDisable', 'ShmSize', 'Tmpfs'] as const),
  ...(['CapDrop', 'ReadonlyRootfs', 'PortBindings', 'PublishAllPorts', 'Dns', 'DnsOptions', 'DnsSearch', 'ExtraHosts'] as const),
]);
const NETWORKS = ['', 'default', 'bridge', 'none'];
const unsaid = HostConfig.create();

/** Whether a container that is asked for stays within a scope: its labels, nothing of the host's, nothing of others'. */
export function checkContained(request: CreateRequest, labels: Readonly<Record<string, string>>, { refuse, reach }: Judge): void {
  const own = request.config?.Labels ?? {};
  for (const [key, value] of Object.entries(labels)) if (own[key] !== value) refuse(`the container must have the label ${key}=${value}`);
  const host = HostConfig.create(request.hostConfig);
  for (const name of Object.keys(host) as (keyof HostConfig)[]) {
    if (FINE.has(name) || same(host[name], unsaid[name])) continue;
    if (name === 'NetworkMode') {
      const other = /^container:(.*)$/s.exec(host.NetworkMode)?.[1];
      if (other !== undefined) reach(other);
      else if (!NETWORKS.includes(host.NetworkMode)) refuse(`HostConfig.NetworkMode "${host.NetworkMode}" reaches beyond the container`);
    } else if (name === 'IpcMode' && ['private', 'none'].includes(host.IpcMode)) continue;
    else if (name === 'CgroupnsMode' && host.CgroupnsMode === 'private') continue;
    else if (name === 'LogConfig' && host.LogConfig?.Type === '' && Object.keys(host.LogConfig.Config).length === 0) continue;
    else if (name === 'OomScoreAdj' && host.OomScoreAdj >= 0n) continue;
    else if (name === 'SecurityOpt' && host.SecurityOpt.every((option) => /^no-new-privileges(?:[:=]true)?$/.test(option))) continue;
    else refuse(`HostConfig.${name} reaches beyond the container`);
  }
  for (const network of Object.keys(request.networkingConfig?.EndpointsConfig ?? {}))
    if (!NETWORKS.includes(network)) refuse(`network ${network} is not in its scope`);
}

const same = (one: unknown, other: unknown): boolean => shown(one) === shown(other);
const shown = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each)) ?? '';
