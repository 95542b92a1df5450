import { dataLoss, type Logger, unavailable } from '@gantry/rpc';
import { bodyOf, type Response } from './http';
import { backOff, isTransient, RETRIES } from './transient';

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
  /** Asks for [from, to): with a Range header unless that is the whole. Rejects unless the answer is 200 or 206, after its own attempts. */
  readonly ask: (from: number, to: number, signal: AbortSignal | undefined) => Promise<Response>;
}

/** Bytes of one range. As many ranges as there are connections wait in memory, so this bounds it. */
export const PIECE = 4 << 20;
/** So many bytes must have come for a failure to be forgiven: a registry that breaks off after each byte is given up. */
const PROGRESS = 256 << 10;

/**
 * The bytes in order. Large blobs are fetched in ranges over several connections at once, of which the first in order is passed on while it
 * comes; a server that knows no ranges gives one stream. A connection that breaks is taken up where it broke.
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
    const first = await ask(inner, offset, offset + PIECE);
    if (first === undefined || first.status !== 206) {
      yield* stream(inner, offset, size, first);
      return;
    }
    const pieces = [new Piece(inner, offset, offset + PIECE, first)];
    for (let next = offset + PIECE, piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      for (; next < size && pieces.length < job.parallel - 1; next += PIECE) pieces.push(new Piece(inner, next, Math.min(next + PIECE, size)));
      yield* piece.bytes();
    }
  } finally {
    stop.abort();
  }
}

/** The answer to the first range; undefined when the server refuses ranges. */
async function ask(job: Download, from: number, to: number): Promise<Response | undefined> {
  try {
    return await job.ask(from, to, job.signal);
  } catch (error) {
    const { status } = (error as { meta?: { status?: number } }).meta ?? {};
    if (status === 416) return undefined;
    throw error;
  }
}

/** One range that is fetched into memory from its construction on. */
class Piece {
  private readonly parts: Buffer[] = [];
  private done = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(job: Download, from: number, to: number, first?: Response) {
    void this.fetch(job, { from, to, first });
  }

  async *bytes(): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      const part = this.parts[at];
      if (part !== undefined) {
        this.parts[at++] = Buffer.alloc(0);
        yield part;
      } else if (this.failure !== undefined) throw this.failure;
      else if (this.done) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private async fetch(job: Download, range: { readonly from: number; readonly to: number; readonly first: Response | undefined }): Promise<void> {
    try {
      for await (const part of stream(job, range.from, range.to, range.first)) {
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
  for (let failures = 0; at < to || size === 0; ) {
    response ??= await job.ask(at, to, signal);
    try {
      let skip = response.status === 206 ? checkRange(response, digest, at) : at;
      const body = bodyOf(response, `blob ${digest}`);
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
      if (signal?.aborted === true || !isTransient(error) || ++failures > RETRIES) throw error;
      job.logger.warn({ digest, at, err: error }, 'download broke off: it is taken up again');
      await backOff(failures, job.pauseMs, { signal });
    }
  }
}

/** The bytes to skip, none: a partial answer must begin where it was asked to. */
function checkRange(response: Response, digest: string, from: number): number {
  const told = response.headers['content-range'];
  const start = /^bytes (\d+)-/.exec(told ?? '')?.[1];
  if (start !== undefined && Number(start) !== from) throw dataLoss(`blob ${digest}: registry answered with ${told ?? ''} instead of the bytes from ${from} on`);
  return 0;
}
