import { readdirSync, existsSync } from 'node:fs';
import { defaultMaskedPaths, defaultReadonlyPaths } from '@gantry/oci';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';

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
    masked: host.MaskedPaths === undefined ? [...defaultMaskedPaths, ...thermalThrottles()] : [...host.MaskedPaths.items],
    readonly: host.ReadonlyPaths === undefined ? [...defaultReadonlyPaths] : [...host.ReadonlyPaths.items],
  };
}
