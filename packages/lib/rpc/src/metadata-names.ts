/** Metadata keys that cross gRPC. The first two are containerd's, traceparent is W3C's. */
export const NAMESPACE_KEY = 'containerd-namespace';
export const LEASE_KEY = 'containerd-lease';
export const TRACEPARENT_KEY = 'traceparent';
/** Identifies one changing operation of a caller; a repeated id means a repeated request. */
export const OPERATION_KEY = 'gantry-operation-id';
/** Which face of this engine passed a foreign client's call on; absent when a service was asked by its own clients. */
export const VIA_KEY = 'gantry-via';
/** Name of the gateway's socket by which the call came; absent where it may everything. */
export const API_SOCKET_KEY = 'gantry-api-socket';
/** Trailer: our error kind, where several share one gRPC code. */
export const ERROR_KIND_KEY = 'gantry-error-kind';
/** Trailer: the error's meta as JSON. */
export const ERROR_META_KEY = 'gantry-error-meta-bin';

/** Trailer of gRPC itself: google.rpc.Status with typed details. */
export const ERROR_DETAILS_KEY = 'grpc-status-details-bin';

export const DEFAULT_NAMESPACE = 'gantry';
