import { cpus } from 'node:os';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { parseCpuSet } from './cpuset';

const MIN_MEMORY = 6n * 1024n * 1024n;

/** Limits of a container, in docker's words: those of create, of update and of the classic builder's steps. Throws invalidArgument; answers warnings. */
export function validateResources(host: HostConfig): string[] {
  const fail = (message: string): never => {
    throw invalidArgument(message);
  };
  if (host.Memory !== 0n && host.Memory < MIN_MEMORY) fail('Minimum memory limit allowed is 6MB');
  if (host.Memory > 0n && host.MemorySwap > 0n && host.MemorySwap < host.Memory) {
    fail('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (host.Memory === 0n && host.MemorySwap > 0n) fail('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (host.MemorySwappiness !== undefined && (host.MemorySwappiness < -1n || host.MemorySwappiness > 100n)) {
    fail(`Invalid value: ${host.MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (host.MemoryReservation !== 0n && host.MemoryReservation < MIN_MEMORY) fail('Minimum memory reservation allowed is 6MB');
  if (host.Memory > 0n && host.MemoryReservation > 0n && host.Memory < host.MemoryReservation) {
    fail('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  if (host.KernelMemoryTCP < 0n) fail('KernelMemoryTCP must not be negative');
  if (host.NanoCpus > 0n && host.CpuPeriod > 0n) fail('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (host.NanoCpus > 0n && host.CpuQuota > 0n) fail('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  const count = host.NanoCpus === 0n ? 0 : cpus().length; // asking reads /proc/cpuinfo
  if (host.NanoCpus < 0n || host.NanoCpus > BigInt(count) * 1_000_000_000n) {
    fail(`range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`);
  }
  if (host.CpuShares < 0n) fail(`invalid CPU shares (${host.CpuShares}): value must be a positive integer`);
  if (host.CpuPeriod !== 0n && (host.CpuPeriod < 1000n || host.CpuPeriod > 1_000_000n))
    fail('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (host.CpuQuota > 0n && host.CpuQuota < 1000n) fail('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (host.CpuRealtimeRuntime !== 0n && host.CpuRealtimePeriod !== 0n && host.CpuRealtimeRuntime > host.CpuRealtimePeriod)
    fail('cpu real-time runtime cannot be higher than cpu real-time period');
  parseCpuSet(host.CpusetCpus, 'cpuset cpus');
  parseCpuSet(host.CpusetMems, 'cpuset mems');
  if (host.BlkioWeight !== 0n && (host.BlkioWeight < 10n || host.BlkioWeight > 1000n)) fail('Range of blkio weight is from 10 to 1000');
  return host.OomKillDisable === true && host.Memory === 0n
    ? ['OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.']
    : [];
}
