import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { LEASE_KEY, NAMESPACE_KEY, OPERATION_KEY, TRACEPARENT_KEY } from './metadata-names';

/** Keys that have one value, none of which holds a comma by its own rules. Of several the first one counts, as Go's servers read them. */
export const SINGLE_VALUED: ReadonlySet<string> = new Set([NAMESPACE_KEY, LEASE_KEY, OPERATION_KEY, TRACEPARENT_KEY]);

/**
 * Clients of containerd name their namespace again with each layer that wraps a context, so one call may carry a key several times. Node joins such
 * headers into one, `a, b`; what every service sees, served here or passed on, is the first.
 */
export const takeFirstValues: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) => {
      next({
        onReceiveMetadata(metadata, done) {
          for (const key of SINGLE_VALUED) keepFirst(metadata, key);
          done(metadata);
        },
      });
    },
  });

function keepFirst(metadata: Metadata, key: string): void {
  const values = metadata.get(key);
  const [given] = values;
  if (typeof given !== 'string') return;
  const comma = given.indexOf(',');
  if (comma >= 0) metadata.set(key, given.slice(0, comma).trimEnd());
  else if (values.length > 1) metadata.set(key, given);
}
