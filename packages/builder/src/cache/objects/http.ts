import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { dialWords } from '@gantry/registry';
import { type CallContext, GantryError, invalidArgument, unavailable } from '@gantry/rpc';

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes and how many they are. */
  readonly body?: { readonly size: number; readonly chunks: () => AsyncIterable<Buffer> };
}

/** Nobody waits longer for an answer's head. */
const PATIENCE_MS = 60_000;
/** What of a failure's body is told. */
const TOLD_BYTES = 500;

/** Asks and gives the answer as it begins. Redirections are not followed: none of these protocols has one. */
export async function call(ctx: CallContext, { method, url, headers, body }: HttpCall): Promise<IncomingMessage> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalidArgument(`unsupported protocol of ${url.origin}`);
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const answer = Promise.withResolvers<IncomingMessage>();
  const asked = make(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(body.size) }) },
    signal: ctx.signal,
  });
  asked.setTimeout(PATIENCE_MS, () => asked.destroy(unavailable(`no answer from ${url.host} within ${PATIENCE_MS / 1000} s`)));
  asked.once('response', answer.resolve);
  asked.on('error', (error) => answer.reject(unavailable(`${method} ${place(url)}: ${dialWords(error, url)}`, { cause: error })));
  try {
    if (body !== undefined) for await (const chunk of body.chunks()) if (!asked.write(chunk)) await drained(asked, answer.promise);
    asked.end();
  } catch (error) {
    answer.promise.catch(() => undefined);
    asked.destroy();
    throw error;
  }
  return answer.promise;
}

/** Waits for room in the connection, or for an answer that comes before all was sent. */
async function drained(asked: { once(event: 'drain', then: () => void): unknown }, answer: Promise<unknown>): Promise<void> {
  await Promise.race([new Promise<void>((resolve) => asked.once('drain', resolve)), answer]);
}

/** The whole body. */
export async function bodyOf(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) {
      answer.destroy();
      throw invalidArgument(`answer is larger than ${limit} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The answer of a call that must succeed with one of the statuses; else an error with what the server says. */
export async function expectStatus(answer: IncomingMessage, url: URL, ...statuses: readonly number[]): Promise<IncomingMessage> {
  const { statusCode = 0 } = answer;
  if (statuses.includes(statusCode)) return answer;
  const told: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    told.push(part);
    if ((size += part.length) >= TOLD_BYTES) break;
  }
  const text = Buffer.concat(told).toString().slice(0, TOLD_BYTES).replaceAll(/\s+/g, ' ');
  const kind = statusCode === 404 ? 'notFound' : statusCode === 401 ? 'unauthorized' : statusCode === 403 ? 'forbidden' : 'unknown';
  throw new GantryError(kind, `${place(url)} answered ${statusCode}${text === '' ? '' : `: ${text}`}`);
}

/** A URL for messages: what stands behind the path may be secret. */
export function place(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
