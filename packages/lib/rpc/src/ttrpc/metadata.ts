import type { KeyValue } from '@gantry/api/containerd/ttrpc/request';
import { Metadata } from '@grpc/grpc-js';
import type { CallContext } from '../context';
import { LEASE_KEY, NAMESPACE_KEY, OPERATION_KEY, TRACEPARENT_KEY } from '../metadata-names';
import { SINGLE_VALUED } from '../single-values';

/** containerd names the namespace differently on ttrpc than on gRPC. */
export const TTRPC_NAMESPACE_KEY = 'containerd-namespace-ttrpc';

/** What a call tells of its context. */
export function toKeyValues(ctx: CallContext): KeyValue[] {
  return [
    { key: TTRPC_NAMESPACE_KEY, value: ctx.namespace },
    { key: TRACEPARENT_KEY, value: ctx.traceparent },
    ...(ctx.operationId === '' ? [] : [{ key: OPERATION_KEY, value: ctx.operationId }]),
    ...(ctx.lease === undefined ? [] : [{ key: LEASE_KEY, value: ctx.lease }]),
  ];
}

/** The keys that we know, under gRPC's names, each with the first of its values; others have no meaning to our handlers. */
export function fromKeyValues(pairs: readonly KeyValue[]): Metadata {
  const metadata = new Metadata();
  for (const { key, value } of pairs) {
    const name = key.toLowerCase() === TTRPC_NAMESPACE_KEY ? NAMESPACE_KEY : key.toLowerCase();
    if (SINGLE_VALUED.has(name) && metadata.get(name).length === 0) metadata.set(name, value);
  }
  return metadata;
}
