import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp } from '@gantry/oci';
import { usesNotify } from './listener';

/* TSYNC means nothing to a process of one thread. */
export const filterFlags: Readonly<Record<string, number>> = { SECCOMP_FILTER_FLAG_TSYNC: 0, SECCOMP_FILTER_FLAG_LOG: 2, SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32 };

/** The call answers a descriptor for the agent. */
const NEW_LISTENER = 8;

/** Flags of seccomp(2) for a profile. */
export function seccompFlags(profile: LinuxSeccomp): number {
  const notify = usesNotify(profile);
  let flags = notify ? NEW_LISTENER : 0;
  for (const name of profile.flags ?? []) {
    const bit = filterFlags[name];
    if (bit === undefined) throw invalidArgument(`config.json: linux.seccomp.flags: "${name}" is not supported`);
    if (name === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' && !notify) throw invalidArgument(`config.json: linux.seccomp.flags: "${name}" needs a system call with SCMP_ACT_NOTIFY`);
    flags |= bit;
  }
  return flags;
}
