/** A host on this machine by its name or address, without asking a name server. */
export const isLoopback = (url: URL): boolean => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
