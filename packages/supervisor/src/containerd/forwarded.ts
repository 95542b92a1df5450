import { failedPrecondition, forwardService, type Connection, NAMESPACE_KEY, type RpcServer, toStatus } from '@gantry/rpc';
import type { handleBidiStreamingCall, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { checkIdentifier } from './identifiers';

/** Methods after which a namespace holds something: containerd makes it then, if nobody did before. */
const WRITES: ReadonlySet<string> = new Set(['AddResource', 'Apply', 'Commit', 'Create', 'Diff', 'Prepare', 'Transfer', 'View', 'Write']);

/**
 * Passes a service of containerd on to another server, byte for byte, with what containerd does around every call: one without a
 * namespace is refused, and a namespace comes to be with the first object in it.
 */
export function forwardContainerdService(
  server: RpcServer,
  definition: ServiceDefinition,
  options: { readonly target: Connection; readonly ensureNamespace: (name: string) => void },
): void {
  const guarding: RpcServer = {
    ...server,
    addRawService(raw, handlers) {
      const guarded = Object.entries(handlers).map(([name, handler]) => [name, guard(handler as Forwarding, options.ensureNamespace)]);
      server.addRawService(raw, Object.fromEntries(guarded) as UntypedServiceImplementation);
    },
  };
  forwardService(guarding, definition, options.target, 'containerd');
}

type Forwarding = handleBidiStreamingCall<Buffer, Buffer>;

function guard(forward: Forwarding, ensureNamespace: (name: string) => void): Forwarding {
  return (call) => {
    try {
      const namespace = namespaceOf(call);
      if (WRITES.has(call.getPath().slice(call.getPath().lastIndexOf('/') + 1))) ensureNamespace(namespace);
    } catch (error) {
      call.emit('error', toStatus(error));
      return;
    }
    forward(call);
  };
}

function namespaceOf(call: ServerDuplexStream<Buffer, Buffer>): string {
  const [namespace = ''] = call.metadata.get(NAMESPACE_KEY);
  if (typeof namespace !== 'string' || namespace === '') throw failedPrecondition('namespace is required: failed precondition');
  checkIdentifier(namespace);
  return namespace;
}
