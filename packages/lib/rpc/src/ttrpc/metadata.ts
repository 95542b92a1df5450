import type { KeyValue } from '@gantry/api/containerd/ttrpc/request';
import { Metadata } from '@grpc/grpc-js';
import type { CallContext } from '../context';
import { LEASE_KEY, NAMESPACE_KEY, OPERATION_KEY, TRACEPARENT_KEY } from '../metadata-names';

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

/** The keys that we know, under gRPC's names; others have no meaning to our handlers. */
export function fromKeyValues(pairs: readonly KeyValue[]): Metadata {
  const metadata = new Metadata();
  for (const { key, value } of pairs) {
    const name = key.toLowerCase() === TTRPC_NAMESPACE_KEY ? NAMESPACE_KEY : key.toLowerCase();
    if (known.has(name)) metadata.set(name, value);
  }
  return metadata;
}

const known: ReadonlySet<string> = new Set([NAMESPACE_KEY, TRACEPARENT_KEY, OPERATION_KEY, LEASE_KEY]);
