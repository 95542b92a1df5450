import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';
import { parseList } from './cpus';

/* <linux/mempolicy.h> */
const modes: Readonly<Record<string, number>> = {
  MPOL_DEFAULT: 0, MPOL_PREFERRED: 1, MPOL_BIND: 2, MPOL_INTERLEAVE: 3, MPOL_LOCAL: 4, MPOL_PREFERRED_MANY: 5, MPOL_WEIGHTED_INTERLEAVE: 6,
};
const flags: Readonly<Record<string, number>> = { MPOL_F_NUMA_BALANCING: 1 << 13, MPOL_F_RELATIVE_NODES: 1 << 14, MPOL_F_STATIC_NODES: 1 << 15 };

export const memoryPolicyModes: readonly string[] = Object.keys(modes);
export const memoryPolicyFlags: readonly string[] = Object.keys(flags);

/** linux.memoryPolicy as one call of set_mempolicy(2). */
export function compileMemoryPolicy(spec: Spec): Operation[] {
  const policy = spec.linux?.memoryPolicy;
  if (!policy?.mode && !policy?.nodes && !policy?.flags?.length) return [];
  const mode = modes[policy.mode ?? ''];
  if (mode === undefined) throw invalidArgument(`config.json: linux.memoryPolicy.mode "${policy.mode ?? ''}" is unknown`);
  let bits = 0;
  for (const name of policy.flags ?? []) {
    const bit = flags[name];
    if (bit === undefined) throw invalidArgument(`config.json: linux.memoryPolicy.flags: "${name}" is unknown`);
    bits |= bit;
  }
  return [['MEMPOLICY', mode | bits, policy.nodes ? parseList(policy.nodes, 'linux.memoryPolicy.nodes') : new Uint8Array()]];
}
