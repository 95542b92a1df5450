import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Codec, type Json, JsonSyntaxError, scanJson } from '@gantry/docker-api';
import { invalidArgument, isGantryError } from '@gantry/rpc';
import { StatusError } from './answer';
import type { Exchange } from './exchange';

/** Largest JSON body, bytes. Archives are streamed and have no limit. A gRPC message takes twice as much. */
export const BODY_LIMIT = 8 * 1024 * 1024;

const tooLarge = (): StatusError => new StatusError(413, `request body is larger than ${BODY_LIMIT} bytes`);

/** True when the request has (or may have) a body. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

export async function readBody(x: Pick<Exchange, 'request' | 'upgrade'>): Promise<Buffer> {
  const length = Number(x.request.headers['content-length'] ?? 0);
  if (length > BODY_LIMIT) throw tooLarge();
  if (x.upgrade !== undefined) return readUpgradedBody(x.request, x.upgrade.socket, length);
  const chunks: Buffer[] = [];
  let size = 0;
  // A body that is refused on the way must not take the connection with it: the answer goes over it.
  for await (const chunk of x.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Node hands an upgraded connection over right after the headers: the body must be counted out of the raw bytes. */
function readUpgradedBody(request: IncomingMessage, socket: Socket, length: number): Promise<Buffer> {
  if (request.headers['transfer-encoding'] !== undefined) throw new StatusError(411, 'a request that upgrades needs a Content-Length');
  return new Promise((resolve, reject) => {
    let body = Buffer.alloc(0);
    const done = (act: () => void): void => {
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      act();
    };
    const onData = (chunk: Buffer): void => {
      body = Buffer.concat([body, chunk]);
      if (body.length < length) return;
      done(() => {
        // given back at once: a client's half-close right behind it would end the stream before them
        if (body.length > length) socket.unshift(body.subarray(length));
        resolve(body.subarray(0, length));
      });
    };
    const onEnd = (): void => done(() => reject(invalidArgument('invalid JSON: unexpected EOF')));
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    socket.resume();
  });
}

/** dockerd's check: a body must say that it is JSON; no body need not. Errors: invalidArgument. */
function checkContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type === undefined || type === '') {
    if (!hasBody(request)) return;
    throw invalidArgument(`malformed Content-Type header (): mime: no media type`);
  }
  const media = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!/^[!#$&^_.+\w-]+(\/[!#$&^_.+\w-]+)?$/.test(media)) throw invalidArgument(`malformed Content-Type header (${type})`);
  if (media !== 'application/json') throw invalidArgument(`unsupported Content-Type header (${type}): must be 'application/json'`);
}

/** The body read through a codec; undefined when there is none. Errors: invalidArgument in the words of Go's encoding/json, 413. */
export async function readJson<T>(x: Pick<Exchange, 'request' | 'upgrade'>, codec: Codec<T>): Promise<T | undefined> {
  checkContentType(x.request);
  if (!hasBody(x.request)) return undefined;
  const text = (await readBody(x)).toString('utf8');
  if (text.trim() === '') throw invalidArgument('invalid JSON: got EOF while reading request body');
  let scanned: { value: Json; rest: string };
  try {
    scanned = scanJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw invalidArgument(`invalid JSON: ${error.message}`);
    throw error;
  }
  const value = decode(scanned.value, codec);
  if (scanned.rest !== '') throw invalidArgument('unexpected content after JSON');
  return value;
}

function decode<T>(value: Json, codec: Codec<T>): T {
  try {
    return codec.read(value, { struct: '', path: '' });
  } catch (error) {
    if (isGantryError(error) && error.meta['json'] !== undefined) throw invalidArgument(`invalid JSON: ${error.message}`);
    throw error;
  }
}
