import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxResources } from '@gantry/oci';
import { pidsMax, rdma } from './limits-v1';
import type { Setting } from './settings';

/** What to write for cgroup v2. Devices are a program, see device-program.ts. */
export function settingsV2(resources: LinuxResources): Setting[] {
  const list: Setting[] = [];
  const put = (controller: string, file: string, value: unknown, extra: Partial<Setting> = {}) => {
    if (value !== undefined && value !== null && value !== '') list.push({ controller, file, value: String(value as string), ...extra });
  };
  const { cpu, memory, pids, blockIO } = resources;
  if (cpu?.realtimePeriod || cpu?.realtimeRuntime)
    throw invalidArgument('config.json: linux.resources.cpu.realtimePeriod and realtimeRuntime do not exist on cgroup v2');
  if (memory?.kernel) throw invalidArgument('config.json: linux.resources.memory.kernel does not exist on cgroup v2');
  if (memory?.kernelTCP) throw invalidArgument('config.json: linux.resources.memory.kernelTCP does not exist on cgroup v2');
  if (memory?.swappiness !== undefined) throw invalidArgument('config.json: linux.resources.memory.swappiness does not exist on cgroup v2');
  if (memory?.disableOOMKiller) throw invalidArgument('config.json: linux.resources.memory.disableOOMKiller does not exist on cgroup v2');
  if (blockIO?.leafWeight || blockIO?.weightDevice?.some((d) => d.leafWeight))
    throw invalidArgument('config.json: linux.resources.blockIO.leafWeight does not exist on cgroup v2');
  if (resources.network?.classID || resources.network?.priorities?.length)
    throw invalidArgument('config.json: linux.resources.network does not exist on cgroup v2');
  put('cpuset', 'cpuset.cpus', cpu?.cpus);
  put('cpuset', 'cpuset.mems', cpu?.mems);
  put('cpu', 'cpu.idle', cpu?.idle, { optionalWhenMissing: 'idle processes' });
  put('cpu', 'cpu.weight', cpu?.shares ? cpuWeight(cpu.shares) : undefined);
  if (cpu?.quota || cpu?.period)
    put('cpu', 'cpu.max', `${cpu.quota && cpu.quota > 0 ? cpu.quota : 'max'}${cpu.period ? ` ${cpu.period}` : ''}`);
  put('cpu', 'cpu.max.burst', cpu?.burst, { optionalWhenMissing: 'processor bursts' });
  const bytes = (n: number | undefined) => (n ? (n < 0 ? 'max' : n) : undefined);
  put('memory', 'memory.max', bytes(memory?.limit));
  put('memory', 'memory.low', bytes(memory?.reservation));
  put('memory', 'memory.swap.max', swapMax(memory?.limit, memory?.swap), { optionalWhenMissing: 'swap accounting' });
  put('pids', 'pids.max', pidsMax(pids?.limit));
  put('io', 'io.weight', blockIO?.weight ? ioWeight(blockIO.weight) : undefined, { alternative: 'io.bfq.weight' });
  for (const device of blockIO?.weightDevice ?? [])
    if (device.weight !== undefined) put('io', 'io.bfq.weight', `${device.major}:${device.minor} ${device.weight || 'default'}`);
  const throttles = [
    ['rbps', blockIO?.throttleReadBpsDevice],
    ['wbps', blockIO?.throttleWriteBpsDevice],
    ['riops', blockIO?.throttleReadIOPSDevice],
    ['wiops', blockIO?.throttleWriteIOPSDevice],
  ] as const;
  for (const [key, devices] of throttles)
    for (const { major, minor, rate } of devices ?? []) put('io', 'io.max', `${major}:${minor} ${key}=${rate || 'max'}`); // 0: none, as cgroup v1 has it
  for (const { pageSize, limit } of resources.hugepageLimits ?? []) put('hugetlb', `hugetlb.${pageSize}.max`, limit);
  list.push(...rdma(resources));
  for (const [file, value] of Object.entries(resources.unified ?? {})) {
    if (file.includes('/') || !/^[a-z]/.test(file))
      throw invalidArgument(`config.json: linux.resources.unified: "${file}" is not a file of a cgroup`);
    put(file.split('.')[0] as string, file, value);
  }
  return list;
}

/** 2..262144 onto 1..10000, as systemd and runc do. */
export function cpuWeight(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((clamped - 2) * 9999) / 262142);
}

/** 10..1000 onto 1..10000. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** v1's limit counts memory and swap together, v2's swap alone. */
function swapMax(limit: number | undefined, swap: number | undefined): string | number | undefined {
  if (!swap) return undefined;
  if (swap < 0) return 'max';
  if (!limit || limit < 0) throw invalidArgument(`config.json: linux.resources.memory.swap ${swap} needs a memory limit`);
  if (swap < limit) throw invalidArgument(`config.json: linux.resources.memory.swap ${swap} is below the memory limit ${limit}`);
  return swap - limit;
}
