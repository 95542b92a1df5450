import type { IncomingMessage } from 'node:http';
import { hasBody, readBody } from '../http/body';
import type { Exchange } from '../http/exchange';
import { tellsBody } from './asked';

/** A longer body is not told, dockerd's limit. */
const TOLD = 1024 * 1024;
const nothing = Buffer.alloc(0);

/** The body that plugins are told of, given back for the one who answers. Empty where there is none, or too much. */
export async function peekBody(x: Pick<Exchange, 'request' | 'upgrade'>): Promise<Buffer> {
  const { request, upgrade } = x;
  if (!hasBody(request) || !tellsBody(request.url ?? '', request.headers['content-type'] ?? '')) return nothing;
  if (Number(request.headers['content-length'] ?? 0) >= TOLD) return nothing;
  if (upgrade === undefined) return peekStream(request);
  if (request.headers['transfer-encoding'] !== undefined) return nothing; // refused by the one who answers
  const body = await readBody(x);
  upgrade.socket.unshift(body);
  return body;
}

/** Reads up to the limit or to the end, and puts it back before the end is told: behind it nothing could be. */
function peekStream(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const done = (act: () => void): void => {
      request.off('readable', onReadable).off('error', onError).off('close', onClose);
      act();
    };
    const onError = (error: Error): void => done(() => reject(error));
    const onClose = (): void => onError(new Error('the client went away'));
    const onReadable = (): void => {
      for (let part = request.read() as Buffer | null; part !== null; part = request.read() as Buffer | null) {
        parts.push(part);
        size += part.length;
      }
      if (!request.complete && size < TOLD) return;
      const body = Buffer.concat(parts);
      if (size > 0) request.unshift(Buffer.from(body)); // an upload frees what it has sent on
      done(() => resolve(size < TOLD ? body : nothing));
    };
    request.on('readable', onReadable).on('error', onError).on('close', onClose);
    onReadable();
  });
}
