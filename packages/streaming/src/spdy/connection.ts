import type { Duplex } from 'node:stream';
import { invalidArgument, isError, unavailable } from '@gantry/rpc';
import { Budget } from '../inbox';
import { CONTROL, controlFrame, DATA_LIMIT, dataHead, FLAG_FIN, type Frame, FrameReader, numbers, RESET } from './frame';
import { HeaderReader, type Headers, HeaderWriter } from './headers';
import { SpdyStream, type StreamCarrier } from './stream';

/** Bytes received that may wait for their readers. */
const UNREAD_LIMIT = 1024 * 1024;
const LAST_ID = 0x7fffffff;
const UNIDIRECTIONAL = 0x02;

export interface ConnectionOptions {
  /** Streams that the client may have open at a time. */
  readonly streamLimit: number;
  /** Looks at a stream that the client opens: false refuses it. */
  accept(stream: SpdyStream): boolean;
}

/**
 * The server's side of a SPDY/3.1 connection over any two-way stream of bytes. It has no windows, as the clients of these protocols have
 * none (ADR 0375): back-pressure is the transport's.
 */
export class SpdyConnection implements StreamCarrier {
  readonly budget = new Budget(UNREAD_LIMIT);
  readonly #streams = new Map<number, SpdyStream>();
  readonly #frames = new FrameReader();
  readonly #headerReader = new HeaderReader();
  readonly #headerWriter = new HeaderWriter();
  #lastId = 0;
  #goingAway = false;

  constructor(
    private readonly transport: Duplex,
    private readonly options: ConnectionOptions,
  ) {}

  get streams(): number {
    return this.#streams.size;
  }

  /** Reads until the client is gone or sends what is no SPDY. Never rejects; answers why it ended, nothing for a client that just went. */
  async serve(): Promise<Error | undefined> {
    try {
      for await (const received of this.transport.iterator({ destroyOnReturn: false })) {
        for (const frame of this.#frames.read(received as Buffer)) {
          await this.#handle(frame);
          if (this.budget.full) await new Promise<void>((resolve) => this.#roomOrEnd(resolve));
        }
      }
      return undefined;
    } catch (error) {
      return isError(error) ? error : new Error(String(error));
    } finally {
      for (const stream of [...this.#streams.values()]) stream.cut();
      this.#headerReader.close();
    }
  }

  sendData(streamId: number, bytes: Buffer, fin: boolean, sent: (error?: Error | null) => void): void {
    if (!this.transport.writable) return sent(unavailable('the client is gone'));
    this.transport.cork();
    for (let at = 0; ; at += DATA_LIMIT) {
      const piece = bytes.subarray(at, at + DATA_LIMIT);
      const isLast = at + DATA_LIMIT >= bytes.length;
      this.transport.write(dataHead(streamId, piece.length, fin && isLast), ...(isLast && piece.length === 0 ? [sent] : []));
      if (piece.length > 0) this.transport.write(piece, ...(isLast ? [sent] : []));
      if (isLast) break;
    }
    this.transport.uncork();
  }

  forget(stream: SpdyStream, early: boolean): void {
    if (!this.#streams.delete(stream.id) || !early) return;
    this.#send(controlFrame(CONTROL.RST_STREAM, 0, numbers(stream.id, RESET.CANCEL)));
  }

  async #handle(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.streamId);
      // What was on its way when a stream was closed here is thrown away.
      if (stream !== undefined) stream.deliver(frame.bytes, frame.fin);
      else if (frame.streamId > this.#lastId)
        this.#send(controlFrame(CONTROL.RST_STREAM, 0, numbers(frame.streamId, RESET.INVALID_STREAM)));
      return;
    }
    const { body } = frame;
    switch (frame.type) {
      case CONTROL.SYN_STREAM:
        await this.#open(frame.flags, body);
        break;
      case CONTROL.RST_STREAM:
        this.#streams.get(idOf(body, 8))?.reset();
        break;
      case CONTROL.HEADERS:
      case CONTROL.SYN_REPLY:
        // Of no use here, but the compression goes on through them.
        idOf(body, 4);
        await this.#headerReader.read(body.subarray(4));
        break;
      case CONTROL.PING:
        // Even numbers would answer pings of ours: there are none.
        if (idOf(body, 4) % 2 === 1) this.#send(controlFrame(CONTROL.PING, 0, body.subarray(0, 4)));
        break;
      case CONTROL.GOAWAY:
        this.#goingAway = true;
        break;
      default: // SETTINGS and WINDOW_UPDATE are about windows; what is unknown is to be passed over (2.2.1)
        break;
    }
    if (this.transport.writableNeedDrain) await new Promise<void>((resolve) => this.#drainOrEnd(resolve));
  }

  async #open(flags: number, body: Buffer): Promise<void> {
    const id = idOf(body, 10);
    const headers = await this.#headerReader.read(body.subarray(10));
    if (id % 2 === 0 || id <= this.#lastId) throw invalidArgument(`stream ${id} after ${this.#lastId}`);
    this.#lastId = id;
    const refused = this.#goingAway || (flags & UNIDIRECTIONAL) !== 0 || this.#streams.size >= this.options.streamLimit;
    const stream = refused ? undefined : new SpdyStream(id, headers, this);
    if (stream === undefined || !this.options.accept(stream)) {
      this.#send(controlFrame(CONTROL.RST_STREAM, 0, numbers(id, RESET.REFUSED_STREAM)));
      return;
    }
    this.#streams.set(id, stream);
    const none: Headers = new Map();
    this.#send(controlFrame(CONTROL.SYN_REPLY, 0, Buffer.concat([numbers(id), this.#headerWriter.write(none)])));
    if ((flags & FLAG_FIN) !== 0) stream.deliver(Buffer.alloc(0), true);
  }

  #send(frame: Buffer): void {
    if (this.transport.writable) this.transport.write(frame);
  }

  /** A client that went does not let its connection wait for readers. */
  #roomOrEnd(resume: () => void): void {
    if (this.transport.destroyed) return resume();
    this.transport.once('close', resume);
    this.budget.whenRoom(() => {
      this.transport.off('close', resume);
      resume();
    });
  }

  #drainOrEnd(resume: () => void): void {
    const done = (): void => {
      this.transport.off('close', done).off('drain', done);
      resume();
    };
    if (this.transport.destroyed) resume();
    else this.transport.once('close', done).once('drain', done);
  }
}

/** The stream or number that a frame's body begins with. */
function idOf(body: Buffer, least: number): number {
  if (body.length < least) throw invalidArgument(`a control frame of ${body.length} bytes, less than ${least}`);
  return body.readUInt32BE(0) & LAST_ID;
}
