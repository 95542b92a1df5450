import { Duplex } from 'node:stream';

/** Bytes that may wait on one side before its writer is held back: a reader that finds more than one buffer would copy them into one. */
const WAITING = 1 << 16;

/**
 * Two connected ends inside one process, with a unix socket's manners: half-open capable, back-pressure both ways, EPIPE for a writer
 * whose reader left. One thing is better: an end that is destroyed before it said `end()` is ECONNRESET on the other, never a quiet end of file.
 * Buffers are handed over, not copied: a writer must not use them again.
 */
export function localStreamPair(): readonly [Duplex, Duplex] {
  const one = new LocalEnd();
  const two = new LocalEnd();
  one.peer = two;
  two.peer = one;
  return [one, two];
}

class LocalEnd extends Duplex {
  peer: LocalEnd | undefined;
  /** Lets the peer's writer go on, once this end has read what waits. */
  private release: ((error?: Error) => void) | undefined;

  constructor() {
    super({ highWaterMark: WAITING, allowHalfOpen: true });
  }

  override _read(): void {
    const { release } = this;
    this.release = undefined;
    release?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.pass([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.pass(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    if (this.peer?.destroyed === false) this.peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer, release } = this;
    this.release = undefined;
    release?.(systemError('EPIPE', 'the other side is gone'));
    if (peer !== undefined && !peer.destroyed) peer.abandoned(this.writableFinished);
    done(error);
  }

  private pass(chunks: readonly Buffer[], done: (error?: Error) => void): void {
    const { peer } = this;
    if (peer === undefined || peer.destroyed) {
      done(systemError('EPIPE', 'the other side is gone'));
      return;
    }
    let room = true;
    for (const chunk of chunks) room = peer.push(chunk);
    if (room) done();
    else peer.release = done;
  }

  /** The peer is destroyed: what it sent can still be read when it had said its end. */
  private abandoned(ended: boolean): void {
    if (!ended) this.destroy(systemError('ECONNRESET', 'the other side was cut'));
    else if (this.readableEnded) this.destroy();
    else this.once('end', () => this.destroy());
  }
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
