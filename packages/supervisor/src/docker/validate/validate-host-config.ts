import type { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { capabilityName, validateResources } from '@gantry/spec';
import { landlockOf } from './landlock';
import { unhealthyAction } from '../health/on-failure';
import { validateLogConfig } from '../logs/options/validate';
import { storageSize } from './storage-options';
import { parsePort } from './validate-config';
import { validateRestartPolicy } from './validate-restart';
import { joinedContainer, validateModes } from './validate-modes';

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
  storageSize(host);
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
  landlockOf(host);
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
