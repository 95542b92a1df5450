/** Label of the leases of running operations, with their kind: the images service drops those that a crash left when it starts. */
export const OPERATION_LABEL = 'gantry.io/operation';
