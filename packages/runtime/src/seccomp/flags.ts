import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp } from '@gantry/oci';

/* TSYNC means nothing to a process of one thread. */
export const filterFlags: Readonly<Record<string, number>> = { SECCOMP_FILTER_FLAG_TSYNC: 0, SECCOMP_FILTER_FLAG_LOG: 2, SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4 };

/** Flags of seccomp(2) for a profile. */
export function seccompFlags(profile: LinuxSeccomp): number {
  let flags = 0;
  for (const name of profile.flags ?? []) {
    const bit = filterFlags[name];
    if (bit === undefined) throw invalidArgument(`config.json: linux.seccomp.flags: "${name}" is not supported`);
    flags |= bit;
  }
  return flags;
}
