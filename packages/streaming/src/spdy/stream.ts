import { Duplex } from 'node:stream';
import { GantryError } from '@gantry/rpc';
import { type Budget, Inbox } from '../inbox';
import type { Headers } from './headers';

/** What a stream asks of its connection. */
export interface StreamCarrier {
  readonly budget: Budget;
  sendData(streamId: number, bytes: Buffer, fin: boolean, sent: (error?: Error | null) => void): void;
  /** The stream is done with; `early` when one of its directions had not ended. */
  forget(stream: SpdyStream, early: boolean): void;
}

/** What a stream ends with that its client closes as a whole: it wants no more of it, and nothing is wrong. */
export class ClientClosedStream extends GantryError {
  constructor() {
    super('unavailable', 'the client closed the stream');
  }
}

/** One stream of a connection, half-open capable: `end()` says that nothing more comes from here, and only that. */
export class SpdyStream extends Duplex {
  readonly #inbox: Inbox;

  constructor(
    readonly id: number,
    readonly headers: Headers,
    private readonly carrier: StreamCarrier,
  ) {
    super({ allowHalfOpen: true });
    this.#inbox = new Inbox(carrier.budget, (bytes) => this.push(bytes));
    this.on('error', () => undefined); // whoever reads or writes hears of it; nobody has to
  }

  /** The connection received something for it. */
  deliver(bytes: Buffer, fin: boolean): void {
    this.#inbox.deliver(bytes);
    if (fin) this.#inbox.end();
  }

  /** The connection is gone: what came is read to its end, and writing fails. */
  cut(): void {
    this.#inbox.end();
  }

  /** The other side wants nothing of it any more. */
  reset(): void {
    this.destroy(new ClientClosedStream());
  }

  override _read(): void {
    this.#inbox.wanted();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.carrier.sendData(this.id, bytes, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.carrier.sendData(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inbox.drop();
    this.carrier.forget(this, !this.readableEnded || !this.writableFinished);
    done(error);
  }
}
