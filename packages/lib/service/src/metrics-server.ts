import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { errorText, invalidArgument, type Logger, publishSocket, retractSocket } from '@gantry/rpc';
import type { Metrics } from './metrics';

export interface MetricsServer {
  /** Where it is reached: a socket path or HOST:PORT with the real port; undefined when switched off. */
  readonly address: string | undefined;
  stop(): Promise<void>;
}

type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** Serves GET /metrics. The default place is a 0600 socket in the run root; HOST:PORT is served when it is asked for. */
export async function serveMetrics(
  metrics: Metrics,
  where: { readonly address: string; readonly run: string; readonly service: string; readonly logger: Logger },
): Promise<MetricsServer> {
  if (where.address === 'off') return { address: undefined, stop: async () => undefined };
  const place = placeOf(where.address === '' ? join(where.run, `${where.service}-metrics.sock`) : where.address);
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end('only GET /metrics is served here\n');
      return;
    }
    metrics.scrape().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(`${errorText(error)}\n`),
    );
  });
  if ('path' in place) {
    await publishSocket(place.path, 0o600, (at) => listen(server, at));
  } else {
    if (!/^(127\.|localhost$|::1$)/.test(place.host))
      where.logger.warn({ address: where.address }, 'metrics are served beyond loopback, without authentication');
    await listen(server, place);
  }
  server.unref();
  const bound = server.address();
  return {
    address: 'path' in place ? place.path : `${place.host}:${typeof bound === 'object' && bound !== null ? bound.port : place.port}`,
    stop: async () => {
      if ('path' in place) await retractSocket(place.path);
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, place: Place | { readonly fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(place, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function placeOf(address: string): Place {
  if (address.startsWith('/')) return { path: address };
  const match = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw invalidArgument(`metrics-address "${address}" is neither HOST:PORT nor an absolute path nor off`);
  return { host: match[1] ?? match[2] ?? '', port };
}
