import type { BlkioEntry, CgroupPlan, CgroupStats } from './contract';
import { numberOf, readValue, tableOf } from './files';

/** The text of a file of a cgroup without its last newline; undefined where it has no such file. */
export type ReadText = (path: string) => string | undefined;

export function directoryOf(plan: CgroupPlan, controller: string): string | undefined {
  if (plan.mode === 'v2') return plan.directories[0]?.directory;
  return plan.directories.find((d) => d.version === 1 && d.controllers.includes(controller))?.directory;
}

export function readStats(plan: CgroupPlan, read: ReadText = readValue): CgroupStats {
  return plan.mode === 'v2' ? statsV2(plan.directories[0]?.directory ?? '', read) : statsV1(plan, read);
}

function statsV1(plan: CgroupPlan, read: ReadText): CgroupStats {
  const text = (controller: string, file: string) => read(`${directoryOf(plan, controller) ?? '/nonexistent'}/${file}`);
  const number = (controller: string, file: string) => numberOf(text(controller, file));
  const table = (controller: string, file: string) => tableOf(text(controller, file));
  const throttling = table('cpu', 'cpu.stat');
  return {
    cpu: {
      usage: number('cpuacct', 'cpuacct.usage'),
      user: number('cpuacct', 'cpuacct.usage_user'),
      system: number('cpuacct', 'cpuacct.usage_sys'),
      perCpu: (text('cpuacct', 'cpuacct.usage_percpu') ?? '').split(' ').filter(Boolean).map(BigInt),
      periods: throttling['nr_periods'] ?? 0n,
      throttledPeriods: throttling['nr_throttled'] ?? 0n,
      throttledTime: throttling['throttled_time'] ?? 0n,
    },
    memory: {
      usage: number('memory', 'memory.usage_in_bytes'),
      max: number('memory', 'memory.max_usage_in_bytes'),
      limit: number('memory', 'memory.limit_in_bytes'),
      failcnt: number('memory', 'memory.failcnt'),
      swapUsage: number('memory', 'memory.memsw.usage_in_bytes'),
      swapLimit: number('memory', 'memory.memsw.limit_in_bytes'),
      kernelUsage: number('memory', 'memory.kmem.usage_in_bytes'),
      stat: table('memory', 'memory.stat'),
      oomKills: table('memory', 'memory.oom_control')['oom_kill'] ?? 0n,
    },
    pids: { current: number('pids', 'pids.current'), limit: number('pids', 'pids.max') },
    blkio: {
      serviceBytes: blkioV1(text('blkio', 'blkio.throttle.io_service_bytes_recursive')),
      serviced: blkioV1(text('blkio', 'blkio.throttle.io_serviced_recursive')),
    },
  };
}

function blkioV1(text = ''): BlkioEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match ? [{ major: Number(match[1]), minor: Number(match[2]), op: match[3] as string, value: BigInt(match[4] as string) }] : [];
  });
}

function statsV2(directory: string, read: ReadText): CgroupStats {
  const text = (file: string) => read(`${directory}/${file}`);
  const number = (file: string) => numberOf(text(file));
  const table = (file: string) => tableOf(text(file));
  const cpu = table('cpu.stat');
  const events = table('memory.events');
  const stat = table('memory.stat');
  const io = text('io.stat');
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
      usage: number('memory.current'),
      max: number('memory.peak'),
      limit: number('memory.max'),
      failcnt: events['max'] ?? 0n,
      swapUsage: number('memory.swap.current'),
      swapLimit: number('memory.swap.max'),
      kernelUsage: stat['kernel'] ?? 0n,
      stat,
      oomKills: events['oom_kill'] ?? 0n,
    },
    pids: { current: number('pids.current'), limit: number('pids.max') },
    blkio: {
      serviceBytes: blkioV2(io, { rbytes: 'Read', wbytes: 'Write' }),
      serviced: blkioV2(io, { rios: 'Read', wios: 'Write' }),
    },
  };
}

function blkioV2(text: string | undefined, keys: Readonly<Record<string, string>>): BlkioEntry[] {
  return (text ?? '').split('\n').flatMap((line) => {
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
