/**
 * Extensions of the supervisor's records by which services understand each other. gantry-cri's: what kubelet asked for (runtime.v1's own message), and what became of a container
 * of it, which says that a record is a pod's.
 */
export const CRI_CONFIG_EXTENSION = 'gantry.io/cri.config';
export const CRI_CONTAINER_EXTENSION = 'gantry.io/cri.container';
/** The supervisor's, on a container of a pod: the kernel killed something of it for its memory. gantry-cri reads it where it did not hear of the event. */
export const OOM_EXTENSION = 'gantry.io/oom';
