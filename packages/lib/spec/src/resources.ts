import type { HostConfig, ThrottleDevice } from '@gantry/api/gantry/engine/v1/types';
import type { LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice, Rlimit } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { blockDevice } from './devices';
import { checkUlimit, ULIMIT_NAMES } from './ulimits';

/** The kernel's default length of a CPU period, microseconds. */
const CPU_PERIOD = 100_000;

function memory(host: HostConfig): LinuxMemory | undefined {
  const result: LinuxMemory = {};
  if (host.Memory > 0n) result.limit = Number(host.Memory);
  if (host.MemoryReservation > 0n) result.reservation = Number(host.MemoryReservation);
  if (host.KernelMemoryTCP > 0n) result.kernelTCP = Number(host.KernelMemoryTCP);
  // With a limit and nothing said, docker gives as much swap again.
  const swap = host.MemorySwap !== 0n ? host.MemorySwap : host.Memory > 0n ? host.Memory * 2n : 0n;
  if (swap !== 0n) result.swap = Number(swap);
  if (host.MemorySwappiness !== undefined && host.MemorySwappiness >= 0n) result.swappiness = Number(host.MemorySwappiness);
  if (host.OomKillDisable === true) result.disableOOMKiller = true;
  return Object.keys(result).length === 0 ? undefined : result;
}

function cpu(host: HostConfig): LinuxCpu | undefined {
  const result: LinuxCpu = {};
  if (host.CpuShares > 0n) result.shares = Number(host.CpuShares);
  if (host.CpuPeriod > 0n) result.period = Number(host.CpuPeriod);
  if (host.CpuQuota !== 0n) result.quota = Number(host.CpuQuota);
  if (host.NanoCpus > 0n) {
    result.period = CPU_PERIOD;
    result.quota = Number((host.NanoCpus * BigInt(CPU_PERIOD)) / 1_000_000_000n);
  }
  if (host.CpuRealtimePeriod > 0n) result.realtimePeriod = Number(host.CpuRealtimePeriod);
  if (host.CpuRealtimeRuntime !== 0n) result.realtimeRuntime = Number(host.CpuRealtimeRuntime);
  if (host.CpusetCpus !== '') result.cpus = host.CpusetCpus;
  if (host.CpusetMems !== '') result.mems = host.CpusetMems;
  return Object.keys(result).length === 0 ? undefined : result;
}

async function throttle(devices: readonly ThrottleDevice[]): Promise<LinuxThrottleDevice[]> {
  return Promise.all(devices.map(async ({ Path: path, Rate: rate }) => ({ ...(await blockDevice(path)), rate: Number(rate) })));
}

async function blockIo(host: HostConfig): Promise<LinuxBlockIo | undefined> {
  const result: LinuxBlockIo = {};
  if (host.BlkioWeight > 0n) result.weight = Number(host.BlkioWeight);
  if (host.BlkioWeightDevice.length > 0) {
    result.weightDevice = await Promise.all(
      host.BlkioWeightDevice.map(async ({ Path: path, Weight: weight }) => ({ ...(await blockDevice(path)), weight: Number(weight) })),
    );
  }
  if (host.BlkioDeviceReadBps.length > 0) result.throttleReadBpsDevice = await throttle(host.BlkioDeviceReadBps);
  if (host.BlkioDeviceWriteBps.length > 0) result.throttleWriteBpsDevice = await throttle(host.BlkioDeviceWriteBps);
  if (host.BlkioDeviceReadIOps.length > 0) result.throttleReadIOPSDevice = await throttle(host.BlkioDeviceReadIOps);
  if (host.BlkioDeviceWriteIOps.length > 0) result.throttleWriteIOPSDevice = await throttle(host.BlkioDeviceWriteIOps);
  return Object.keys(result).length === 0 ? undefined : result;
}

/** The limits of HostConfig in OCI's words, devices left out. Throws invalidArgument for a device that does not exist. */
export async function limitsOf(host: HostConfig): Promise<LinuxResources> {
  const parts = { memory: memory(host), cpu: cpu(host), blockIO: await blockIo(host) };
  const result: LinuxResources = {};
  if (parts.memory !== undefined) result.memory = parts.memory;
  if (parts.cpu !== undefined) result.cpu = parts.cpu;
  if (parts.blockIO !== undefined) result.blockIO = parts.blockIO;
  if (host.PidsLimit !== undefined && host.PidsLimit !== 0n) result.pids = { limit: host.PidsLimit < 0n ? -1 : Number(host.PidsLimit) };
  return result;
}

const ULIMITS: ReadonlySet<string> = new Set([...ULIMIT_NAMES, 'as']);

/** HostConfig.Ulimits as rlimits; -1 is no limit. Throws invalidArgument. */
export function rlimitsOf(host: HostConfig): Rlimit[] {
  return host.Ulimits.map(({ Name: name, Soft: soft, Hard: hard }) => {
    if (!ULIMITS.has(name)) throw invalidArgument(`invalid ulimit type: ${name}`);
    checkUlimit(soft, hard);
    const value = (limit: bigint): number | bigint => {
      const unsigned = BigInt.asUintN(64, limit);
      return unsigned <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(unsigned) : unsigned;
    };
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: value(soft), hard: value(hard) };
  });
}
