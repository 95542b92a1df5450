import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import { Metadata, type ServiceError, status as Code, type StatusObject } from '@grpc/grpc-js';
import { errorText } from '../errors';
import { MAX_MESSAGE_BYTES } from '../message-limit';
import { FrameReader, frameOf } from './framing';
import { after, type Timer } from '../timer';
import { codeOfHttp, codeOfReset, metadataOf, statusOf, timeoutHeader } from './headers';
import type { Outgoing } from './transport';

/** Messages that wait for a write to be over, and then leave in one. */
const WRITES_AT_ONCE = 64;

/**
 * One call over an HTTP/2 session that was made on a stream: messages in and out, with back-pressure both ways. Tells its end as grpc-js's calls do:
 * 'error' unless it was good, 'status' always, both once and after every message that came before.
 */
export class StreamCall extends Duplex {
  private readonly stream: ClientHttp2Stream | undefined;
  private readonly frames = new FrameReader();
  private timer: Timer | undefined;
  /** The end that the server told, kept until what came before it is read. */
  private told: StatusObject | undefined;
  private finished = false;
  /** Lets the writer go on whose frame waits for room. */
  private release: (() => void) | undefined;

  constructor(
    private readonly session: ClientHttp2Session,
    private readonly call: Outgoing,
  ) {
    super({ objectMode: true, readableHighWaterMark: 16, writableHighWaterMark: WRITES_AT_ONCE, autoDestroy: false });
    this.stream = this.open(session);
  }

  get streamId(): number | undefined {
    return this.stream?.id;
  }

  cancel(): void {
    this.endHere(Code.CANCELLED, 'cancelled on client');
  }

  override _read(): void {
    if (!this.finished) this.stream?.resume();
  }

  override _write(message: unknown, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.writeAll([message], done);
  }

  /** What came while a write was on its way leaves in one go: each one wakes nghttp2, the socket and the other side. */
  override _writev(chunks: { chunk: unknown }[], done: (error?: Error) => void): void {
    this.writeAll(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    if (this.stream?.writable === true) this.stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.endHere(Code.CANCELLED, error === null ? 'cancelled on client' : errorText(error), false);
    done(error);
  }

  private writeAll(messages: readonly unknown[], done: (error?: Error) => void): void {
    const { stream } = this;
    if (this.finished || stream === undefined || stream.destroyed || stream.writableEnded) return done();
    const frames: Buffer[] = [];
    for (const message of messages) {
      const frame = this.frame(message);
      if (frame === undefined) return done(); // the call is over
      frames.push(frame);
    }
    this.release = done;
    const [only] = frames;
    stream.write(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames), () => this.goOn());
  }

  /** Undefined, and the end of the call, where a message cannot be sent. */
  private frame(message: unknown): Buffer | undefined {
    let bytes: Buffer;
    try {
      bytes = this.call.method.requestSerialize(message);
    } catch (error) {
      this.endHere(Code.INTERNAL, `the request cannot be written: ${errorText(error)}`);
      return undefined;
    }
    if (bytes.length <= MAX_MESSAGE_BYTES) return frameOf(bytes);
    this.endHere(Code.RESOURCE_EXHAUSTED, `message of ${bytes.length} bytes is larger than the ${MAX_MESSAGE_BYTES} that are allowed`);
    return undefined;
  }

  private open(session: ClientHttp2Session): ClientHttp2Stream | undefined {
    const { method, metadata, deadline } = this.call;
    const left = deadline === undefined ? Infinity : deadline - Date.now();
    if (left <= 0 || session.closed || session.destroyed) {
      const [code, text] = left <= 0 ? [Code.DEADLINE_EXCEEDED, 'deadline exceeded'] : [Code.UNAVAILABLE, 'the connection is closed'];
      setImmediate(() => this.endHere(code, text));
      return undefined;
    }
    this.timer = after(left, () => this.endHere(Code.DEADLINE_EXCEEDED, 'deadline exceeded'), { ref: false });
    const stream = session.request({
      ...metadata.toHttp2Headers(),
      ...(Number.isFinite(left) ? { 'grpc-timeout': timeoutHeader(left) } : {}),
      ':method': 'POST',
      ':path': method.path,
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': 'gantry',
    });
    stream.on('response', (headers) => this.answered(headers));
    stream.on('trailers', (headers) => {
      this.told ??= statusOf(headers);
    });
    stream.on('data', (chunk: Buffer) => this.received(chunk));
    stream.on('end', () => {
      if (this.told !== undefined) this.finish(this.told);
    });
    stream.on('error', () => undefined); // told again by its code at close
    stream.on('close', () => this.streamClosed(stream.rstCode));
    return stream;
  }

  private answered(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): void {
    if (headers['grpc-status'] !== undefined) {
      this.told = statusOf(headers); // an answer of trailers alone
      return;
    }
    const status = headers[':status'] ?? 0;
    if (status !== 200) this.endHere(codeOfHttp(status), `the server answered with HTTP status ${status}`);
    else this.emit('metadata', metadataOf(headers));
  }

  private received(chunk: Buffer): void {
    if (this.finished) return;
    const { messages, fault } = this.frames.push(chunk);
    let room = true;
    for (const bytes of messages) {
      let message: unknown;
      try {
        message = this.call.method.responseDeserialize(bytes);
      } catch (error) {
        return this.endHere(Code.INTERNAL, `the answer cannot be read: ${errorText(error)}`);
      }
      room = this.push(message);
    }
    if (fault === 'too large')
      return this.endHere(Code.RESOURCE_EXHAUSTED, `a message is larger than the ${MAX_MESSAGE_BYTES} bytes that are allowed`);
    if (fault !== undefined) return this.endHere(Code.UNIMPLEMENTED, 'a compressed message, though none was asked for');
    if (!room) this.stream?.pause();
  }

  private streamClosed(reset: number | undefined): void {
    this.goOn();
    if (this.told !== undefined) return this.finish(this.told);
    // A session whose connection is gone cancels its streams.
    const lost = this.session.destroyed || this.session.closed || this.session.socket.destroyed;
    if (lost) this.endHere(Code.UNAVAILABLE, 'the connection was lost');
    else this.endHere(codeOfReset(reset), `the stream was reset with code ${reset ?? 'none'}`);
  }

  /** Ends the call from this side. */
  private endHere(code: Code, details: string, tell = true): void {
    if (this.finished) return;
    this.stream?.close(constants.NGHTTP2_CANCEL);
    this.finish({ code, details, metadata: new Metadata() }, tell);
  }

  private finish(status: StatusObject, tell = true): void {
    if (this.finished) return;
    const end =
      status.code === Code.OK && this.frames.torn ? { ...status, code: Code.INTERNAL, details: 'the last message is cut' } : status;
    this.finished = true;
    this.timer?.cancel();
    this.goOn();
    if (tell) {
      this.push(null);
      if (end.code !== Code.OK) this.emit('error', serviceError(end));
    }
    this.emit('status', end);
  }

  private goOn(): void {
    const { release } = this;
    this.release = undefined;
    release?.();
  }
}

function serviceError({ code, details, metadata }: StatusObject): ServiceError {
  return Object.assign(new Error(`${code}: ${details}`), { code, details, metadata });
}
