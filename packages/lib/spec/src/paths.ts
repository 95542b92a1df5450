import { readdirSync, existsSync } from 'node:fs';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';

/** What docker hides from a container, and what it makes read-only, in the order in which inspect shows it. */
const MASKED: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

let throttles: readonly string[] | undefined;

/** Temperature counters of each CPU, which tell containers of one machine about each other. */
function thermalThrottles(): readonly string[] {
  if (throttles !== undefined) return throttles;
  const root = '/sys/devices/system/cpu';
  const cpus = existsSync(root) ? readdirSync(root).filter((name) => /^cpu[0-9]+$/.test(name)) : [];
  throttles = cpus.map((name) => `${root}/${name}/thermal_throttle`).filter((path) => existsSync(path));
  return throttles;
}

/** As HostConfig says, else docker's defaults; nothing for a privileged container or `systempaths=unconfined`. */
export function protectedPaths(host: HostConfig, unconfined: boolean): { masked: string[]; readonly: string[] } {
  if (host.Privileged || unconfined) return { masked: [], readonly: [] };
  return {
    masked: host.MaskedPaths === undefined ? [...MASKED, ...thermalThrottles()] : [...host.MaskedPaths.items],
    readonly: host.ReadonlyPaths === undefined ? [...READONLY] : [...host.ReadonlyPaths.items],
  };
}

export { MASKED as DEFAULT_MASKED_PATHS, READONLY as DEFAULT_READONLY_PATHS };
