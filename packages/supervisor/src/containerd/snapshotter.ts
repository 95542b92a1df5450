/** Name of the snapshotter that gantry-images serves. */
export const SNAPSHOTTER = 'overlayfs';
