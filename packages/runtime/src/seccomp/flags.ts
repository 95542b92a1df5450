import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp } from '@gantry/oci';
import { usesNotify } from './listener';

/* TSYNC means nothing to a process of one thread. */
export const filterFlags: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};

/** The call answers a descriptor for the agent. */
const NEW_LISTENER = 8;
const SPEC_ALLOW = 4;

/** Flags of seccomp(2) for a profile. */
export function seccompFlags(profile: LinuxSeccomp): number {
  const notify = usesNotify(profile);
  /* A profile that says nothing gets what the kernel itself has as default since 5.16; an empty list means none. */
  let flags = (notify ? NEW_LISTENER : 0) | (profile.flags === undefined ? SPEC_ALLOW : 0);
  for (const name of profile.flags ?? []) {
    const bit = filterFlags[name];
    if (bit === undefined) throw invalidArgument(`config.json: linux.seccomp.flags: "${name}" is not supported`);
    if (name === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' && !notify)
      throw invalidArgument(`config.json: linux.seccomp.flags: "${name}" needs a system call with SCMP_ACT_NOTIFY`);
    flags |= bit;
  }
  return flags;
}
