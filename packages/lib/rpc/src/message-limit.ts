/** Largest message either way; containerd's clients use the same. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
