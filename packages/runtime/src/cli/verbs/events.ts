import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { pause } from '@gantry/rpc/timer';
import type { BlkioEntry, CgroupStats } from '../../cgroup/contract';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { isAlive, loadState } from '../state';

const flags = {
  stats: { kind: 'boolean', help: 'print the numbers once' },
  interval: { kind: 'string', help: 'time between two prints, such as 5s (the default)' },
} as const;

export const events: Verb = {
  usage: 'events [--stats] [--interval TIME] ID',
  help: "print a container's numbers as JSON lines until it ends",
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const state = loadState(context.root, id as string);
    const interval = milliseconds(values.interval ?? '5s');
    if (!isAlive(state)) throw failedPrecondition(`container with id ${state.id} is not running`);
    for (let kills = await context.cgroups.oomKills(state.cgroup); isAlive(state); await pause(interval)) {
      const stats = await context.cgroups.stats(state.cgroup);
      if (stats.memory.oomKills > kills) context.print(`${JSON.stringify({ type: 'oom', id: state.id })}\n`);
      kills = stats.memory.oomKills;
      context.print(`${formatStats(state.id, stats)}\n`);
      if (values.stats) break;
    }
    return 0;
  },
};

function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  if (!match || unit === undefined || Number(match[1]) === 0) throw invalidArgument(`flag --interval: "${text}" is not a time`);
  return Number(match[1]) * unit;
}

/** In the form that runc's readers know. Numbers above 2^53 stay exact: they are written by hand. */
function formatStats(id: string, stats: CgroupStats): string {
  const { cpu, memory, pids, blkio } = stats;
  const io = (list: readonly BlkioEntry[]) => list.map((e) => ({ major: e.major, minor: e.minor, op: e.op, value: e.value }));
  const data = {
    cpu: {
      usage: { total: cpu.usage, percpu: cpu.perCpu, kernel: cpu.system, user: cpu.user },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledTime },
    },
    cpuset: {},
    memory: {
      usage: { limit: memory.limit, usage: memory.usage, max: memory.max, failcnt: memory.failcnt },
      swap: { limit: memory.swapLimit, usage: memory.swapUsage, max: 0, failcnt: 0 },
      kernel: { limit: 0, usage: memory.kernelUsage, max: 0, failcnt: 0 },
      raw: memory.stat,
    },
    pids: { current: pids.current, ...(pids.limit < 1n << 63n ? { limit: pids.limit } : {}) },
    blkio: { ioServiceBytesRecursive: io(blkio.serviceBytes), ioServicedRecursive: io(blkio.serviced) },
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  };
  return stringify({ type: 'stats', id, data });
}

function stringify(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(stringify).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([k, v]) => `${JSON.stringify(k)}:${stringify(v)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}
