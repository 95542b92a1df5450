import { readFileSync } from 'node:fs';
import { invalidArgument } from '@gantry/rpc';

/** Every capability by its number (linux/capability.h). */
export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** Docker's default set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

let supported: readonly string[] | undefined;

/** The capabilities that this kernel has. */
export function kernelCapabilities(): readonly string[] {
  supported ??= CAPABILITIES.slice(0, Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8').trim()) + 1);
  return supported;
}

/** `net_admin` → `CAP_NET_ADMIN`; ALL stays. Throws invalidArgument as docker does for an unknown name; `field` names its place. */
export function capabilityName(name: string, field: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!(CAPABILITIES as readonly string[]).includes(full)) throw invalidArgument(`invalid ${field}: unknown capability: "${full}"`);
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
  const base = dropped.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter((name) => !dropped.includes(name) && all.includes(name));
  return [...new Set([...base, ...added])];
}
