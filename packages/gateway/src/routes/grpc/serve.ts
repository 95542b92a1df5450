import { once } from 'node:events';
import { invalidArgument, type RpcServer } from '@gantry/rpc';
import type { Route } from '../../http/exchange';
import { release } from '../../streams/hijack';

/**
 * POST /grpc: the connection leaves HTTP/1 and is served as gRPC. A service that is not there is answered Unimplemented, which tells BuildKit's clients more than a
 * refused upgrade does.
 */
export const grpcRoute = (server: Pick<RpcServer, 'serveStream'>): Route => ({
  method: 'POST',
  path: '/grpc',
  operation: 'Grpc',
  hijacks: true,
  offline: true,
  async handle(x) {
    const protocol = x.request.headers.upgrade;
    if (protocol === undefined) throw invalidArgument('no upgrade proto in request');
    if (protocol !== 'h2c') throw invalidArgument(`protocol ${protocol} not supported`);
    const socket = release(x);
    const closed = once(socket, 'close');
    // HTTP/2 takes the connection below the stream: what was written before must be out
    await new Promise((resolve) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', resolve),
    );
    server.serveStream(socket);
    await closed;
  },
});
