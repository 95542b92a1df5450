import { cpus } from 'node:os';
import type { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { capabilityName, parseCpuSet, parseSecurityOptions } from '@gantry/spec';
import { unhealthyAction } from '../health/on-failure';
import { validateLogConfig } from '../logs/options/validate';
import { parsePort } from './validate-config';
import { validateRestartPolicy } from './validate-restart';
import { joinedContainer, validateModes } from './validate-modes';

const MIN_MEMORY = 6n * 1024n * 1024n;

/** Fields that have no meaning here: any value but the default is refused by name. */
const refused: readonly { readonly name: string; readonly isSet: (host: HostConfig) => boolean }[] = [
  { name: 'CpuCount', isSet: (host) => host.CpuCount !== 0n },
  { name: 'CpuPercent', isSet: (host) => host.CpuPercent !== 0n },
  { name: 'IOMaximumIOps', isSet: (host) => host.IOMaximumIOps !== 0n },
  { name: 'IOMaximumBandwidth', isSet: (host) => host.IOMaximumBandwidth !== 0n },
  { name: 'Cgroup', isSet: (host) => host.Cgroup !== '' },
];

/**
 * Every field of HostConfig that the engine does not honour, or that docker refuses, is refused here by name. Zero and default values
 * pass. Throws invalidArgument; answers the warnings that docker would give.
 */
export function validateHostConfig(host: HostConfig, config: ContainerConfig, isLogPlugin?: (name: string) => boolean): string[] {
  for (const { name, isSet } of refused) if (isSet(host)) throw invalidArgument(`HostConfig.${name} is not supported`);
  if (host.Isolation !== '' && host.Isolation !== 'default')
    throw invalidArgument(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  for (const option of Object.keys(host.StorageOpt)) {
    throw invalidArgument(
      option === 'size' ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" : `Unknown option ${option}`,
    );
  }
  const request = host.DeviceRequests.find(({ Driver }) => Driver !== 'cdi'); // those that the host describes are looked up at the start
  if (request !== undefined) {
    throw invalidArgument(
      `could not select device driver "${request.Driver}" with capabilities: [${request.Capabilities.map((set) => `[${set.items.join(' ')}]`).join(' ')}]`,
    );
  }
  if (host.ShmSize < 0n) throw invalidArgument('SHM size can not be less than 0');
  if (host.OomScoreAdj < -1000n || host.OomScoreAdj > 1000n) {
    throw invalidArgument(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  for (const name of host.CapAdd) capabilityName(name, 'CapAdd');
  for (const name of host.CapDrop) capabilityName(name, 'CapDrop');
  parseSecurityOptions(host.SecurityOpt);
  for (const name of Object.keys(host.PortBindings)) validatePortBinding(name, host);
  for (const rule of host.DeviceCgroupRules) {
    if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(rule)) throw invalidArgument(`invalid device cgroup rule format: '${rule}'`);
  }
  for (const { CgroupPermissions: permissions, PathOnHost: path } of host.Devices) {
    if (!/^[rwm]*$/.test(permissions)) throw invalidArgument(`invalid device mode "${permissions}" of ${path}`);
  }
  if (Object.hasOwn(host.Annotations, ''))
    throw invalidArgument('invalid Annotations: the empty string is not permitted as an annotation key');
  for (const entry of host.ExtraHosts) {
    if (!/^[^:=\s]+[:=]\S+$/.test(entry)) throw invalidArgument(`bad format for add-host: "${entry}"`);
  }
  if (host.ConsoleSize.length !== 0 && host.ConsoleSize.length !== 2) throw invalidArgument('ConsoleSize must be [height, width]');
  validateRestartPolicy(host);
  unhealthyAction(host);
  validateLogConfig(host.LogConfig, isLogPlugin);
  validateModes(host, config);
  return [...validateResources(host), ...warningsOf(host)];
}

/** What is to be published, of a container that exists. Answers warnings. */
export function validatePorts(host: HostConfig): string[] {
  for (const name of Object.keys(host.PortBindings)) validatePortBinding(name, host);
  if (joinedContainer(host.NetworkMode) !== undefined)
    throw invalidArgument('conflicting options: port publishing and the container type network mode');
  return warningsOf(host);
}

function warningsOf(host: HostConfig): string[] {
  const published = Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts;
  return host.NetworkMode === 'host' && published ? ['Published ports are discarded when using host network mode'] : [];
}

function validatePortBinding(name: string, host: HostConfig): void {
  parsePort(name);
  for (const binding of host.PortBindings[name]?.items ?? []) {
    const match = /^(?:([0-9]+)(?:-([0-9]+))?)?$/.exec(binding.HostPort);
    const [first, last] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? match?.[1] ?? 0)];
    if (match === null || first > 65_535 || last > 65_535 || last < first)
      throw invalidArgument(`invalid port specification: "${binding.HostPort}"`);
  }
}

/** Limits, shared by create and update. Answers warnings. */
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
