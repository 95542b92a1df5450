import { connect as connectSocket, type Socket } from 'node:net';
import { BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { type CallContext, type Connection, type ServiceClient, unavailable } from '@gantry/rpc';
import { waitOut } from './wait-out';

/** What the gateway needs of the builder. */
export interface BuilderClients {
  readonly control: ServiceClient<typeof ControlService>;
  readonly build: ServiceClient<typeof BuildServiceService>;
  /** A connection of its own to the builder's socket, for a client who speaks gRPC to it by itself. Waits out a restart. Rejects with unavailable. */
  dial(ctx: CallContext): Promise<Socket>;
}

export function builderOver(connection: Connection): BuilderClients {
  return {
    control: connection.client(ControlService),
    build: connection.client(BuildServiceService),
    async dial(ctx) {
      if (!connection.established)
        await waitOut(connection).catch((cause: unknown) => {
          throw unavailable('the builder does not answer', { cause });
        });
      ctx.signal.throwIfAborted();
      return new Promise((resolve, reject) => {
        const socket = connectSocket({ path: connection.socketPath, allowHalfOpen: true });
        const failed = (cause: Error): void => reject(unavailable('the builder does not answer', { cause }));
        socket.once('error', failed);
        socket.once('connect', () => {
          socket.off('error', failed);
          resolve(socket);
        });
      });
    },
  };
}
