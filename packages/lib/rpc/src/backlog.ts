/** Connections that may wait to be accepted: a full queue of a unix socket refuses at once. The kernel's somaxconn (4096) bounds it. */
export const BACKLOG = 4096;
