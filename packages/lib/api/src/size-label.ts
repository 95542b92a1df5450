/**
 * Label of a snapshot whose own layer may hold so many bytes, a number, by the file system's project quotas: 0 for no bound, empty for what the images service
 * gives containers. A snapshotter that has no such bounds refuses it.
 */
export const SIZE_LABEL = 'gantry.io/snapshot.size';
