import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface HeardRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpPeerAnswer {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpPeer {
  readonly url: string;
  readonly heard: HeardRequest[];
  /** What it answers from now on. */
  answer: (request: HeardRequest) => HttpPeerAnswer | Promise<HttpPeerAnswer>;
  close(): Promise<void>;
}

/** A server of HTTP on loopback that remembers what it was asked. */
export async function httpPeer(answer: HttpPeer['answer'], tls?: { readonly key: string; readonly cert: string }): Promise<HttpPeer> {
  const heard: HeardRequest[] = [];
  const take: RequestListener = (request, response) => {
    void (async () => {
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: await buffer(request) };
      heard.push(one);
      const { status = 200, body = '', headers: more = {} } = await peer.answer(one);
      response.writeHead(status, more).end(body);
    })().catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(take) : createSecureServer(tls, take);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer: HttpPeer = {
    url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    answer,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return peer;
}
