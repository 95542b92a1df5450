import { randomBytes } from 'node:crypto';
import { operationLabels } from '@gantry/api';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';

/** Runs fn under a lease of its own, so that nothing it makes is collected before a name holds it. */
export async function underLease<T>(leases: LeaseTable, scope: Scope, operation: string, fn: (scope: Scope) => Promise<T>): Promise<T> {
  const lease = `gantry-${operation}-${randomBytes(8).toString('hex')}`;
  leases.create(scope, lease, operationLabels(operation));
  const own: Scope = { namespace: scope.namespace, lease };
  try {
    return await fn(own);
  } finally {
    leases.delete(own, lease);
  }
}
