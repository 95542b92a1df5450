import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';
import { parseList } from './cpus';

/* <linux/mempolicy.h> */
const modes: Readonly<Record<string, number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
};
const flags: Readonly<Record<string, number>> = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
};

export const memoryPolicyModes: readonly string[] = Object.keys(modes);
export const memoryPolicyFlags: readonly string[] = Object.keys(flags);

/** linux.memoryPolicy as one call of set_mempolicy(2). */
export function compileMemoryPolicy(spec: Spec): Operation[] {
  const policy = spec.linux?.memoryPolicy;
  if (!policy) return [];
  const mode = modes[policy.mode ?? ''];
  if (mode === undefined) throw invalidArgument(`config.json: linux.memoryPolicy: invalid memory policy mode "${policy.mode ?? ''}"`);
  let bits = 0;
  for (const name of policy.flags ?? []) {
    const bit = flags[name];
    if (bit === undefined) throw invalidArgument(`config.json: linux.memoryPolicy: invalid memory policy flag "${name}"`);
    bits |= bit;
  }
  const nodes = policy.nodes ? parseList(policy.nodes, 'linux.memoryPolicy: invalid memory policy node list') : new Uint8Array();
  if (nodes.length > 0 && (policy.mode === 'MPOL_DEFAULT' || policy.mode === 'MPOL_LOCAL')) {
    throw invalidArgument(
      `config.json: linux.memoryPolicy: invalid memory policy: ${policy.mode}: mode requires 0 nodes but got ${countBits(nodes)}`,
    );
  }
  return [['MEMPOLICY', mode | bits, nodes]];
}

function countBits(mask: Uint8Array): number {
  return mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}
