import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { choose, type Protocol, protocols } from './protocols';
import type { Verb } from './requests';

/** What a request is answered that does not become a connection. */
export interface Refusal {
  readonly code: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Upgrade = { readonly over: 'spdy' | 'websocket'; readonly protocol: Protocol };

const SPDY = 'SPDY/3.1';
const PROTOCOL_HEADER = 'x-stream-protocol-version';

export const notFoundPage: Refusal = { code: 404, text: '404: Page Not Found' };
export const unknownToken: Refusal = { code: 404, text: '404 page not found' };

/** `/exec/TOKEN` and the like. */
export function parsePath(url: string | undefined): { readonly verb: Verb; readonly token: string } | undefined {
  const [, verb, token] = /^\/(exec|attach|portforward)\/([A-Za-z0-9_-]{1,64})(?:\?.*)?$/.exec(url ?? '') ?? [];
  return verb === undefined || token === undefined ? undefined : { verb: verb as Verb, token };
}

/** How a client's streams will travel, in the words of its request; or why not. */
export function negotiate(request: IncomingMessage, verb: Verb): Upgrade | Refusal {
  const upgrades = words(request.headers.upgrade);
  if (upgrades.some((each) => each.toLowerCase() === 'websocket')) {
    const asked = words(request.headers['sec-websocket-protocol']);
    const protocol = choose(protocols.websocket[verb], asked.length === 0 ? [''] : asked);
    return protocol === undefined ? noProtocol(asked, protocols.websocket[verb]) : { over: 'websocket', protocol };
  }
  const asked = words(request.headers[PROTOCOL_HEADER]);
  if (asked.length === 0) {
    const count = new Set(request.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())).size;
    return refused(400, `header X-Stream-Protocol-Version does not exist in request with ${count} headers`);
  }
  const protocol = choose(protocols.spdy[verb], asked);
  if (protocol === undefined) return noProtocol(asked, protocols.spdy[verb]);
  if (!upgrades.some((each) => each.toLowerCase() === SPDY.toLowerCase()))
    return refused(400, `header Upgrade "${request.headers.upgrade ?? ''}" is not ${SPDY}`);
  return { over: 'spdy', protocol };
}

/** Answers a handshake for SPDY. */
export function acceptSpdy(socket: Duplex, { name }: Protocol): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SPDY}\r\nX-Stream-Protocol-Version: ${name}\r\n\r\n`);
}

/** Answers a request for an upgrade that is refused: Node leaves that to us. */
export function refuse(socket: Duplex, { code, text, headers = {} }: Refusal): void {
  const body = `${text}\n`;
  const lines = [
    `HTTP/1.1 ${code} ${code === 403 ? 'Forbidden' : code === 404 ? 'Not Found' : 'Bad Request'}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.on('error', () => undefined);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

function noProtocol(asked: readonly string[], spoken: readonly Protocol[]): Refusal {
  const names = spoken.map(({ name }) => name);
  return {
    ...refused(403, `unable to negotiate protocol: client supports [${asked.join(' ')}], server accepts [${names.join(' ')}]`),
    headers: { 'X-Accepted-Stream-Protocol-Versions': names.filter((name) => name !== '').join(', ') },
  };
}

const refused = (code: number, why: string): Refusal => ({ code, text: `unable to upgrade: ${why}` });

/** A header's words, given at once or one by one. Printable ones only: they are told back. */
function words(value: string | readonly string[] | undefined): string[] {
  return [value ?? []]
    .flat()
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => /^[\x21-\x7e]{1,128}$/.test(each))
    .slice(0, 32);
}
