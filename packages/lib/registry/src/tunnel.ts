import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { failedPrecondition, unavailable } from '@gantry/rpc';
import { trusted } from './certificates';
import type { Proxy } from './proxies';

/** Of a failure node:http looks at the error only. */
type Done = (error: Error | null, socket: Duplex) => void;

const DIAL_TIMEOUT = 30_000;

/** What node:https hands an agent for a connection; the options of the agent itself among it. */
interface Wanted extends tls.ConnectionOptions {
  readonly host?: string;
  readonly port?: number;
}

/** Connections to TLS hosts through CONNECT of an HTTP proxy (RFC 9110, 9.3.6): the proxy sees the name of the host and nothing else. */
export class TunnelAgent extends https.Agent {
  constructor(
    private readonly proxy: Proxy,
    options: https.AgentOptions,
  ) {
    super(options);
  }

  override createConnection(wanted: object, done?: Done): undefined {
    const { host = '', port = 443, ...rest } = wanted as Wanted;
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const connect = proxyRequest(this.proxy, { method: 'CONNECT', path: target, headers: { Host: target }, agent: false });
    const failed = (error: Error): void => (done as ((error: Error) => void) | undefined)?.(error);
    connect.setTimeout(DIAL_TIMEOUT, () =>
      connect.destroy(unavailable(`proxy ${this.proxy.url.host} makes no connection to ${target} within ${DIAL_TIMEOUT / 1000} s`)),
    );
    connect.once('error', failed);
    connect.once('connect', (answer, socket: Socket, head) => {
      connect.off('error', failed);
      socket.setTimeout(0);
      if (answer.statusCode !== 200) {
        socket.destroy();
        const told = `proxy ${this.proxy.url.host} answered ${answer.statusCode} ${answer.statusMessage ?? ''} to CONNECT ${target}`;
        failed((answer.statusCode ?? 0) >= 500 ? unavailable(told) : failedPrecondition(told));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      done?.(null, tls.connect({ ...rest, host, socket }));
    });
    connect.end();
  }
}

/** A request to the proxy itself. */
export function proxyRequest({ url, authorization }: Proxy, options: http.RequestOptions): http.ClientRequest {
  const headers = {
    ...options.headers,
    ...(authorization === undefined ? {} : { 'Proxy-Authorization': authorization }),
  } as http.OutgoingHttpHeaders;
  const to = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
  };
  return url.protocol === 'https:'
    ? https.request({ ...options, ...to, headers, ca: trusted([]) })
    : http.request({ ...options, ...to, headers });
}
