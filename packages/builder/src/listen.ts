import { createServer as createNetServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { BACKLOG, type Logger, type RpcServer, takeHeldSocket } from '@gantry/rpc';
import { type BuilderConfig, splitAddress, tcpAddresses, tlsOptions } from './config';

/** Serves gRPC at TCP addresses, with certificates on both sides where they are configured. The returned function stops listening. */
export async function listenTcp(
  config: BuilderConfig,
  server: Pick<RpcServer, 'serveStream'>,
  logger: Logger,
): Promise<() => Promise<void>> {
  const tls = tlsOptions(config);
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const serve = (socket: Socket): void => {
    socket.on('error', (error) => logger.debug({ err: error }, 'a connection failed'));
    // Whoever names no protocol speaks HTTP/2 all the same: buildx's remote driver makes its TLS connection by itself, without ALPN.
    if (socket instanceof TLSSocket && socket.alpnProtocol === false) socket.alpnProtocol = 'h2';
    server.serveStream(socket);
  };
  for (const address of tcpAddresses(config)) {
    const listener =
      tls === undefined
        ? createNetServer(serve)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'], minVersion: 'TLSv1.2' }, serve);
    listener.on('tlsClientError', (error: Error) => logger.info({ err: error, address }, 'a client was refused'));
    listener.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    const held = takeHeldSocket(address);
    await listening(listener, held === undefined ? splitAddress(address) : { fd: held });
    servers.push(listener);
    logger.info({ address, tls: tls !== undefined }, "serving BuildKit's protocol");
  }
  return async () => {
    const closed = servers.map((each) => new Promise<void>((resolve) => each.close(() => resolve())));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
}

function listening(server: Server, place: { readonly host: string; readonly port: number } | { readonly fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...place, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
