import type { LinuxResources } from '@gantry/oci';
import { deviceRules, formatRule } from './device-rules';
import type { Setting } from './settings';

/** What to write for cgroup v1, in the order in which the kernel takes it. */
export function settingsV1(resources: LinuxResources, options: { readonly devices: boolean }): Setting[] {
  const list: Setting[] = [];
  const put = (controller: string, file: string, value: unknown, extra: Partial<Setting> = {}) => {
    if (value !== undefined && value !== null && value !== '') list.push({ controller, file, value: String(value as string), ...extra });
  };
  const { cpu, memory, pids, blockIO, network } = resources;
  if (options.devices && resources.devices) {
    for (const rule of deviceRules(resources.devices))
      put('devices', rule.allow ? 'devices.allow' : 'devices.deny', formatRule(rule), { required: true });
  }
  put('cpuset', 'cpuset.cpus', cpu?.cpus);
  put('cpuset', 'cpuset.mems', cpu?.mems);
  put('cpu', 'cpu.shares', cpu?.shares || undefined);
  put('cpu', 'cpu.rt_period_us', cpu?.realtimePeriod || undefined);
  put('cpu', 'cpu.rt_runtime_us', cpu?.realtimeRuntime || undefined);
  put('cpu', 'cpu.cfs_period_us', cpu?.period || undefined);
  put('cpu', 'cpu.cfs_quota_us', cpu?.quota || undefined);
  put('cpu', 'cpu.cfs_burst_us', cpu?.burst, { optionalWhenMissing: 'processor bursts' });
  put('cpu', 'cpu.idle', cpu?.idle, { optionalWhenMissing: 'idle processes' });
  put('memory', 'memory.limit_in_bytes', memory?.limit || undefined);
  /* Memory without a limit cannot have one together with swap. */
  put('memory', 'memory.memsw.limit_in_bytes', memory?.swap || (memory?.limit === -1 ? -1 : undefined), {
    optionalWhenMissing: 'swap accounting',
  });
  put('memory', 'memory.soft_limit_in_bytes', memory?.reservation || undefined);
  put('memory', 'memory.kmem.limit_in_bytes', memory?.kernel || undefined, { optionalWhenMissing: 'kernel memory limit' });
  put('memory', 'memory.kmem.tcp.limit_in_bytes', memory?.kernelTCP || undefined, { optionalWhenMissing: 'kernel memory limit' });
  put('memory', 'memory.swappiness', memory?.swappiness);
  if (memory?.disableOOMKiller) put('memory', 'memory.oom_control', 1);
  put('pids', 'pids.max', pidsMax(pids?.limit));
  put('blkio', 'blkio.weight', blockIO?.weight || undefined, { alternative: 'blkio.bfq.weight' });
  put('blkio', 'blkio.leaf_weight', blockIO?.leafWeight || undefined);
  for (const device of blockIO?.weightDevice ?? []) {
    put('blkio', 'blkio.weight_device', device.weight === undefined ? undefined : `${device.major}:${device.minor} ${device.weight}`, {
      alternative: 'blkio.bfq.weight_device',
    });
    put('blkio', 'blkio.leaf_weight_device', device.leafWeight ? `${device.major}:${device.minor} ${device.leafWeight}` : undefined);
  }
  const throttles = [
    ['blkio.throttle.read_bps_device', blockIO?.throttleReadBpsDevice],
    ['blkio.throttle.write_bps_device', blockIO?.throttleWriteBpsDevice],
    ['blkio.throttle.read_iops_device', blockIO?.throttleReadIOPSDevice],
    ['blkio.throttle.write_iops_device', blockIO?.throttleWriteIOPSDevice],
  ] as const;
  for (const [file, devices] of throttles)
    for (const { major, minor, rate } of devices ?? []) put('blkio', file, `${major}:${minor} ${rate}`);
  for (const { pageSize, limit } of resources.hugepageLimits ?? []) put('hugetlb', `hugetlb.${pageSize}.limit_in_bytes`, limit);
  put('net_cls', 'net_cls.classid', network?.classID || undefined);
  for (const { name, priority } of network?.priorities ?? []) put('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`);
  list.push(...rdma(resources));
  for (const [file, value] of Object.entries(resources.unified ?? {})) list.push({ controller: 'unified', file, value });
  return list;
}

/** No process at all cannot be meant, but as few as can be is. */
export function pidsMax(limit: number | undefined): number | 'max' | undefined {
  return limit === undefined ? undefined : limit < 0 ? 'max' : Math.max(limit, 1);
}

/** The same file in v1 and v2. */
export function rdma(resources: LinuxResources): Setting[] {
  return Object.entries(resources.rdma ?? {}).map(([device, { hcaHandles, hcaObjects }]) => ({
    controller: 'rdma',
    file: 'rdma.max',
    value: [device, hcaHandles === undefined ? '' : `hca_handle=${hcaHandles}`, hcaObjects === undefined ? '' : `hca_object=${hcaObjects}`]
      .filter(Boolean)
      .join(' '),
  }));
}
