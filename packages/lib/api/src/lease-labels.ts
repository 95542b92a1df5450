/** Label of the leases of running operations, with their kind: the images service drops those that a crash left when it starts. */
export const OPERATION_LABEL = 'gantry.io/operation';

/** containerd's label for the RFC 3339 time after which a lease holds nothing any more. */
export const EXPIRE_LABEL = 'containerd.io/gc.expire';

const DAY_MS = 86_400_000;

/** Labels of a lease for one piece of work: its maker deletes it, and when that dies first, the lease holds nothing after a day. */
export const workLabels = (now = Date.now()): Record<string, string> => ({ [EXPIRE_LABEL]: new Date(now + DAY_MS).toISOString() });

/** Labels of a lease for work that cannot go on when the images service starts anew. */
export const operationLabels = (operation: string): Record<string, string> => ({ [OPERATION_LABEL]: operation, ...workLabels() });
