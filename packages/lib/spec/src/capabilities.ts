import { readFileSync } from 'node:fs';
import { capabilityNames, defaultCapabilities } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

let supported: readonly string[] | undefined;

/** The capabilities that this kernel has. */
export function kernelCapabilities(): readonly string[] {
  supported ??= capabilityNames.slice(0, Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8').trim()) + 1);
  return supported;
}

/** `net_admin` → `CAP_NET_ADMIN`; ALL stays. Throws invalidArgument as docker does for an unknown name; `field` names its place. */
export function capabilityName(name: string, field: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!(capabilityNames as readonly string[]).includes(full)) throw invalidArgument(`invalid ${field}: unknown capability: "${full}"`);
  if (!kernelCapabilities().includes(full))
    throw invalidArgument(
      `invalid ${field}: capability not supported by your kernel or not available in the current environment: "${full}"`,
    );
  return full;
}

/** The bounding set of a container's process. */
export function effectiveCapabilities(add: readonly string[], drop: readonly string[], privileged: boolean): string[] {
  const all = kernelCapabilities();
  if (privileged) return [...all];
  const added = add.map((name) => capabilityName(name, 'CapAdd'));
  const dropped = drop.map((name) => capabilityName(name, 'CapDrop'));
  if (added.includes('ALL')) return all.filter((name) => !dropped.includes(name));
  const base = dropped.includes('ALL') ? [] : defaultCapabilities.filter((name) => !dropped.includes(name) && all.includes(name));
  return [...new Set([...base, ...added])];
}
