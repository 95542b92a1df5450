import { dataLoss, type Logger, unavailable } from '@gantry/rpc';
import { bodyOf, type Response } from './http';
import { backOff, isTransient } from './transient';

/** A blob to fetch from its offset on. */
export interface Download {
  readonly digest: string;
  readonly size: number;
  readonly offset: number;
  readonly signal?: AbortSignal | undefined;
  readonly logger: Logger;
  /** Connections for one blob; 1: never split. */
  readonly parallel: number;
  /** Milliseconds before a broken connection is taken up the first time. */
  readonly pauseMs: number;
  /** Attempts after the first that brings nothing. */
  readonly retries: number;
  /** Bytes in a millisecond from which on the blob is not split. */
  readonly enough: number;
  /** A part is the reader's until it asks for the next one, and none of its own. */
  readonly lent?: boolean;
  /** Asks for [from, to), with a Range header where ranges are of use (plain: never). Rejects unless the answer is 200 or 206, after its own attempts. */
  readonly ask: (
    range: { readonly from: number; readonly to: number; readonly plain?: boolean },
    signal: AbortSignal | undefined,
  ) => Promise<Response>;
}

/** Bytes of one range. As many ranges as there are connections wait in memory, so this bounds it. */
export const PIECE = 2 << 20;
/** So many bytes must have come for a failure to be forgiven: a registry that breaks off after each byte is given up. */
const PROGRESS = 256 << 10;

/** Share of the time that is spent waiting for bytes, from which on more connections are worth their cost. */
const WAITING = 0.6;

/**
 * The bytes in order. A large blob begins on one connection; as soon as it is the network that is waited for, the rest is fetched in ranges over
 * several connections at once, of which the first in order is passed on while it comes. A server that knows no ranges gives one stream. A
 * connection that breaks is taken up where it broke.
 */
export async function* download(job: Download): AsyncGenerator<Buffer> {
  const { offset, size } = job;
  if (job.parallel < 2 || size - offset < 2 * PIECE) {
    yield* stream(job, offset, size);
    return;
  }
  const stop = new AbortController();
  const signal = job.signal === undefined ? stop.signal : AbortSignal.any([job.signal, stop.signal]);
  const inner = { ...job, signal };
  try {
    const first = await ask(inner, offset, size);
    if (first === undefined) {
      yield* stream({ ...inner, ask: (range, own) => job.ask({ ...range, plain: true }, own) }, offset, size);
      return;
    }
    if (first.status !== 206) {
      yield* stream(inner, offset, size, first);
      return;
    }
    const from = yield* untilSlow(stream(inner, offset, size, first), inner);
    yield* inPieces(inner, from);
  } finally {
    stop.abort();
  }
}

/** Passes bytes on until waiting for them outweighs using them, and they do not come fast all the same; how far it came. */
async function* untilSlow(source: AsyncGenerator<Buffer>, { offset, size, enough }: Download): AsyncGenerator<Buffer, number> {
  let at = offset;
  let mark = { at, waited: 0, began: performance.now() };
  let asked = mark.began;
  for await (const part of source) {
    mark.waited += performance.now() - asked;
    at += part.length;
    yield part;
    asked = performance.now();
    if (at - mark.at < PIECE || size - at < 2 * PIECE) continue;
    const took = asked - mark.began;
    if (mark.waited > WAITING * took && at - mark.at < enough * took) return at;
    mark = { at, waited: 0, began: asked };
  }
  return at;
}

async function* inPieces(job: Download, from: number): AsyncGenerator<Buffer> {
  const { size, parallel } = job;
  const pieces: Piece[] = [];
  for (let next = from; ;) {
    for (; next < size && pieces.length < parallel; next += PIECE) pieces.push(new Piece(job, next, Math.min(next + PIECE, size)));
    const [piece] = pieces;
    if (piece === undefined) return;
    yield* piece.bytes();
    pieces.shift();
  }
}

/** The answer to the first range; undefined when the server refuses ranges. */
async function ask(job: Download, from: number, to: number): Promise<Response | undefined> {
  try {
    return await job.ask({ from, to }, job.signal);
  } catch (error) {
    const { status } = (error as { meta?: { status?: number } }).meta ?? {};
    if (status === 416) return undefined;
    throw error;
  }
}

const TAKEN = Buffer.alloc(0);

/** One range that is fetched into memory from its construction on. */
class Piece {
  private readonly parts: Buffer[] = [];
  private done = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(job: Download, from: number, to: number) {
    void this.fetch({ ...job, lent: false }, from, to);
  }

  async *bytes(): AsyncGenerator<Buffer> {
    for (let at = 0; ;) {
      const part = this.parts[at];
      if (part !== undefined) {
        this.parts[at++] = TAKEN;
        yield part;
      } else if (this.failure !== undefined) throw this.failure;
      else if (this.done) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private async fetch(job: Download, from: number, to: number): Promise<void> {
    try {
      for await (const part of stream(job, from, to)) {
        this.parts.push(part);
        this.wake?.();
      }
    } catch (error) {
      this.failure = error as Error;
    }
    this.done = true;
    this.wake?.();
  }
}

/** Bytes [from, to) over one connection at a time. */
async function* stream(job: Download, from: number, to: number, first?: Response): AsyncGenerator<Buffer> {
  const { digest, size, signal } = job;
  let at = from;
  let forgiven = from;
  let response = first;
  for (let failures = 0; at < to || size === 0;) {
    response ??= await job.ask({ from: at, to }, signal);
    try {
      let skip = response.status === 206 ? checkRange(response, digest, at) : at;
      const body = bodyOf(response, `blob ${digest}`, job.lent);
      response = undefined;
      for await (const part of body) {
        const fresh = skip >= part.length ? part.subarray(part.length) : part.subarray(skip);
        skip -= part.length - fresh.length;
        if (fresh.length === 0) continue;
        // Of the whole blob all is passed on: more than was promised is the reader's to refuse.
        const wanted = to === size ? fresh : fresh.subarray(0, to - at);
        at += wanted.length;
        if (at - forgiven >= PROGRESS) [failures, forgiven] = [0, at];
        yield wanted;
        if (at >= to && to < size) return;
      }
      if (at >= to) return;
      throw unavailable(`blob ${digest} ended after ${at} of ${to} bytes`);
    } catch (error) {
      if (signal?.aborted === true || !isTransient(error) || ++failures > job.retries) throw error;
      job.logger.warn({ digest, at, err: error }, 'download broke off: it is taken up again');
      await backOff(failures, job.pauseMs, { signal });
    }
  }
}

/** The bytes to skip, none: a partial answer must begin where it was asked to. */
function checkRange(response: Response, digest: string, from: number): number {
  const told = response.headers['content-range'];
  const start = /^bytes (\d+)-/.exec(told ?? '')?.[1];
  if (start !== undefined && Number(start) !== from)
    throw dataLoss(`blob ${digest}: registry answered with ${told ?? ''} instead of the bytes from ${from} on`);
  return 0;
}
