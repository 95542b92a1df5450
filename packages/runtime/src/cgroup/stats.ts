import type { BlkioEntry, CgroupPlan, CgroupStats } from './contract';
import { readNumber, readTable, readValue } from './files';

export function directoryOf(plan: CgroupPlan, controller: string): string | undefined {
  if (plan.mode === 'v2') return plan.directories[0]?.directory;
  return plan.directories.find((d) => d.version === 1 && d.controllers.includes(controller))?.directory;
}

export function readStats(plan: CgroupPlan): CgroupStats {
  return plan.mode === 'v2' ? statsV2(plan.directories[0]?.directory ?? '') : statsV1(plan);
}

function statsV1(plan: CgroupPlan): CgroupStats {
  const at = (controller: string, file: string) => `${directoryOf(plan, controller) ?? '/nonexistent'}/${file}`;
  const throttling = readTable(at('cpu', 'cpu.stat'));
  return {
    cpu: {
      usage: readNumber(at('cpuacct', 'cpuacct.usage')),
      user: readNumber(at('cpuacct', 'cpuacct.usage_user')),
      system: readNumber(at('cpuacct', 'cpuacct.usage_sys')),
      perCpu: (readValue(at('cpuacct', 'cpuacct.usage_percpu')) ?? '').split(' ').filter(Boolean).map(BigInt),
      periods: throttling['nr_periods'] ?? 0n,
      throttledPeriods: throttling['nr_throttled'] ?? 0n,
      throttledTime: throttling['throttled_time'] ?? 0n,
    },
    memory: {
      usage: readNumber(at('memory', 'memory.usage_in_bytes')),
      max: readNumber(at('memory', 'memory.max_usage_in_bytes')),
      limit: readNumber(at('memory', 'memory.limit_in_bytes')),
      failcnt: readNumber(at('memory', 'memory.failcnt')),
      swapUsage: readNumber(at('memory', 'memory.memsw.usage_in_bytes')),
      swapLimit: readNumber(at('memory', 'memory.memsw.limit_in_bytes')),
      kernelUsage: readNumber(at('memory', 'memory.kmem.usage_in_bytes')),
      stat: readTable(at('memory', 'memory.stat')),
      oomKills: readTable(at('memory', 'memory.oom_control'))['oom_kill'] ?? 0n,
    },
    pids: { current: readNumber(at('pids', 'pids.current')), limit: readNumber(at('pids', 'pids.max')) },
    blkio: {
      serviceBytes: blkioV1(at('blkio', 'blkio.throttle.io_service_bytes_recursive')),
      serviced: blkioV1(at('blkio', 'blkio.throttle.io_serviced_recursive')),
    },
  };
}

function blkioV1(path: string): BlkioEntry[] {
  return (readValue(path) ?? '').split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match ? [{ major: Number(match[1]), minor: Number(match[2]), op: match[3] as string, value: BigInt(match[4] as string) }] : [];
  });
}

function statsV2(directory: string): CgroupStats {
  const at = (file: string) => `${directory}/${file}`;
  const cpu = readTable(at('cpu.stat'));
  const events = readTable(at('memory.events'));
  const stat = readTable(at('memory.stat'));
  const nanoseconds = (microseconds: bigint | undefined) => (microseconds ?? 0n) * 1000n;
  return {
    cpu: {
      usage: nanoseconds(cpu['usage_usec']),
      user: nanoseconds(cpu['user_usec']),
      system: nanoseconds(cpu['system_usec']),
      perCpu: [],
      periods: cpu['nr_periods'] ?? 0n,
      throttledPeriods: cpu['nr_throttled'] ?? 0n,
      throttledTime: nanoseconds(cpu['throttled_usec']),
    },
    memory: {
      usage: readNumber(at('memory.current')),
      max: readNumber(at('memory.peak')),
      limit: readNumber(at('memory.max')),
      failcnt: events['max'] ?? 0n,
      swapUsage: readNumber(at('memory.swap.current')),
      swapLimit: readNumber(at('memory.swap.max')),
      kernelUsage: stat['kernel'] ?? 0n,
      stat,
      oomKills: events['oom_kill'] ?? 0n,
    },
    pids: { current: readNumber(at('pids.current')), limit: readNumber(at('pids.max')) },
    blkio: {
      serviceBytes: blkioV2(at('io.stat'), { rbytes: 'Read', wbytes: 'Write' }),
      serviced: blkioV2(at('io.stat'), { rios: 'Read', wios: 'Write' }),
    },
  };
}

function blkioV2(path: string, keys: Readonly<Record<string, string>>): BlkioEntry[] {
  return (readValue(path) ?? '').split('\n').flatMap((line) => {
    const [device, ...pairs] = line.split(' ');
    const [major, minor] = (device ?? '').split(':').map(Number);
    if (major === undefined || minor === undefined || Number.isNaN(major)) return [];
    return pairs.flatMap((pair) => {
      const [key, value] = pair.split('=');
      const op = key === undefined ? undefined : keys[key];
      return op === undefined || value === undefined ? [] : [{ major, minor, op, value: BigInt(value) }];
    });
  });
}
