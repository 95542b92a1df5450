import { errorText, GantryError, httpStatus, isGantryError } from '@gantry/rpc';
import type { ServerResponse } from 'node:http';
import type { Exchange } from './exchange';

/** A failure whose HTTP status no error kind has. */
export class StatusError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function sendJson(x: Pick<Exchange, 'response'>, status: number, value: unknown): void {
  sendJsonText(x, status, JSON.stringify(value));
}

/** A value that is written already. */
export function sendJsonText(x: Pick<Exchange, 'response'>, status: number, json: string): void {
  sendBytes(x.response, status, 'application/json', `${json}\n`);
}

export function sendText(x: Pick<Exchange, 'response'>, status: number, text: string): void {
  sendBytes(x.response, status, 'text/plain; charset=utf-8', text);
}

/** A failure in plain words, as a line of a stream that did not come about. */
export function sendRefusal(x: Pick<Exchange, 'response'>, error: unknown, contentType: string): void {
  sendBytes(x.response, statusOf(error), contentType, `${messageOf(error)}\r\n`);
}

/** 204, 304, or a 200 and 201 without a body. */
export function sendEmpty(x: Pick<Exchange, 'response'>, status: number): void {
  x.response.writeHead(status, status === 204 || status === 304 ? {} : { 'Content-Length': 0 });
  finish(x.response);
}

function sendBytes(response: ServerResponse, status: number, contentType: string, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': bytes.length });
  finish(response, bytes);
}

/** Longest that the rest of a body is read and dropped after the answer, milliseconds. */
const DROP_MS = 30_000;

/**
 * Ends the answer; everything is sent at once, but where the client still uploads the connection ends after the upload. A close under the client's write would
 * take the answer from it: many write everything before they read anything.
 */
export function finish(response: ServerResponse, bytes?: string | Buffer): void {
  const { req } = response;
  if (req.complete || response.destroyed) {
    response.end(bytes);
    return;
  }
  if (bytes === undefined) response.flushHeaders();
  else response.write(bytes);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(() => req.socket.destroy(), DROP_MS).unref();
  req.once('end', end).once('close', end);
  req.resume();
}

export function statusOf(error: unknown): number {
  return error instanceof StatusError ? error.status : httpStatus(error);
}

/** What a client reads as the reason: the message alone for errors that were meant for it, with causes for those that were not. */
export function messageOf(error: unknown): string {
  return isGantryError(error) ? error.message : errorText(error);
}

/** The answer to a failed request, if none has begun; a begun one is cut, so that the client cannot take it for whole. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy(error instanceof Error ? error : new GantryError('internal', String(error)));
    return;
  }
  const status = statusOf(error);
  if (status === 304) sendEmpty({ response }, 304);
  else sendJson({ response }, status, { message: messageOf(error) });
}
