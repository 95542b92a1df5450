import type { Duplex } from 'node:stream';
import { connectStream, type Logger } from '@gantry/rpc';
import { watchHealth } from './health';
import { canBeHeld, HeldConnection } from './held-connection';
import type { Session } from './session';

/** What a client says of itself when it opens a session. */
export interface SessionAbout {
  readonly id: string;
  readonly name: string;
  readonly sharedKey: string;
  /** Methods that it serves, e.g. `/moby.filesync.v1.Auth/Credentials`. */
  readonly methods: readonly string[];
}

const DIFF_COPY = '/moby.filesync.v1.filesync/diffcopy';

/**
 * A session over a stream at whose other end the client serves gRPC. It is over when the stream is, or when the client answers no health checks. With the path
 * of gantry-native, that holds the connection of a client that serves files.
 */
export function openStreamSession(from: Duplex, about: SessionAbout, logger: Logger, program?: string): Session & { close(): void } {
  const methods = new Set(about.methods.map((method) => method.toLowerCase()));
  const held = program !== undefined && methods.has(DIFF_COPY) && canBeHeld(from) ? new HeldConnection(program, from) : undefined;
  const stream = held?.stream ?? from;
  const connection = connectStream(stream);
  const close = (): void => {
    connection.close();
    stream.destroy();
  };
  const health = watchHealth(connection, () => {
    logger.warn({ session: about.id }, 'a client answers no health checks: its session is closed');
    close();
  });
  void connection.closed.then(() => health.stop());
  return {
    id: about.id,
    name: about.name,
    sharedKey: about.sharedKey,
    serves: (method) => methods.has(method.toLowerCase()),
    client: (definition) => connection.client(definition),
    transfers: held,
    closed: connection.closed,
    close,
  };
}
