import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { invalidArgument } from '@gantry/rpc';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3
/** Longest message part that a client may send, bytes; terminals send a few. */
const FRAME_LIMIT = 1024 * 1024;

const enum Op {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10,
}

/** Lines of the 101 answer. Errors: invalidArgument when the request is no WebSocket handshake of version 13. */
export function websocketHeaders(request: IncomingMessage): string[] {
  const key = request.headers['sec-websocket-key'];
  if (
    request.headers.upgrade?.toLowerCase() !== 'websocket' ||
    request.headers['sec-websocket-version'] !== '13' ||
    key === undefined ||
    Buffer.from(key, 'base64').length !== 16
  ) {
    throw invalidArgument('not a websocket handshake of version 13');
  }
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  return ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
}

/** The server's end of a WebSocket as a stream of bytes: writes become binary frames, and the payload of data frames is read. */
export class WebSocketStream extends Duplex {
  private pending = Buffer.alloc(0);

  constructor(private readonly socket: Socket) {
    super({ allowHalfOpen: true });
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    socket.on('error', () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.send(Op.Binary, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.send(Op.Close, Buffer.from([0x03, 0xe8]), () => undefined); // 1000: normal closure
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  private send(op: Op, payload: Buffer, done: (error?: Error | null) => void): void {
    const { length } = payload;
    const header = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
    header[0] = 0x80 | op;
    header[1] = length < 126 ? length : length < 65536 ? 126 : 127;
    if (length >= 65536) header.writeBigUInt64BE(BigInt(length), 2);
    else if (length >= 126) header.writeUInt16BE(length, 2);
    if (!this.socket.writable) return done(new Error('the websocket is closed'));
    this.socket.cork();
    this.socket.write(header);
    this.socket.write(payload, (error) => done(error ?? null));
    this.socket.uncork();
  }

  private receive(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    for (let used = this.frame(); used > 0; used = this.frame()) this.pending = this.pending.subarray(used);
  }

  /** Handles one whole frame; answers its length, 0 when more bytes are needed. */
  private frame(): number {
    const { pending } = this;
    if (pending.length < 2) return 0;
    const op = (pending[0] ?? 0) & 0x0f;
    const short = (pending[1] ?? 0) & 0x7f;
    const start = (short === 126 ? 4 : short === 127 ? 10 : 2) + 4;
    if (((pending[1] ?? 0) & 0x80) === 0) return this.refuse(1002); // a client must mask
    if (pending.length < start) return 0;
    const length = short === 126 ? pending.readUInt16BE(2) : short === 127 ? Number(pending.readBigUInt64BE(2)) : short;
    if (length > FRAME_LIMIT) return this.refuse(1009);
    if (pending.length < start + length) return 0;
    const mask = pending.subarray(start - 4, start);
    const payload = Buffer.from(pending.subarray(start, start + length));
    for (let i = 0; i < length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
    this.handle(op, payload);
    return start + length;
  }

  private handle(op: number, payload: Buffer): void {
    if (op === Op.Ping) this.send(Op.Pong, payload, () => undefined);
    else if (op === Op.Close) this.push(null);
    else if (op !== Op.Pong && payload.length > 0 && !this.push(payload)) this.socket.pause();
  }

  private refuse(code: number): 0 {
    const reason = Buffer.alloc(2);
    reason.writeUInt16BE(code);
    this.send(Op.Close, reason, () => this.destroy());
    this.pending = Buffer.alloc(0);
    return 0;
  }
}
