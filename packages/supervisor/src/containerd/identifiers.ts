import { failedPrecondition, type Handlers, invalidArgument } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { mapHandlers } from '../core/handlers';

const IDENTIFIER = /^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$/;
const IDENTIFIER_LIMIT = 76;
/** containerd's bound on one label, key and value together, in bytes. */
const LABEL_LIMIT = 4096;

/** Checks a name of a namespace, container or process as containerd does; throws invalidArgument. */
export function checkIdentifier(id: string): void {
  if (id === '') throw invalidArgument('identifier must not be empty: invalid argument');
  if (Buffer.byteLength(id) > IDENTIFIER_LIMIT)
    throw invalidArgument(`identifier "${id}" greater than maximum length (${IDENTIFIER_LIMIT} characters): invalid argument`);
  if (!IDENTIFIER.test(id)) throw invalidArgument(`identifier "${id}" must match ${IDENTIFIER.source}: invalid argument`);
}

export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    const size = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (size > LABEL_LIMIT)
      throw invalidArgument(
        `label key and value length (${size} bytes) greater than maximum size (${LABEL_LIMIT} bytes), key: ${key.slice(0, 64)}: invalid argument`,
      );
  }
}

/**
 * Handlers that refuse a call without a namespace, as containerd's services do. The server is set up with an empty default
 * namespace, so that "none given" is visible here.
 */
export function requireNamespace<D extends ServiceDefinition>(handlers: Handlers<D>): Handlers<D> {
  return mapHandlers(handlers, (handler) => (ctx, ...rest) => {
    if (ctx.namespace === '') throw failedPrecondition('namespace is required: failed precondition');
    checkIdentifier(ctx.namespace);
    return handler(ctx, ...rest);
  });
}
