import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { unavailable } from '@gantry/rpc';

/** What the kernel is asked for at once. All sockets share the place: it is free again before the next one is read. */
const LANDING = 256 << 10;
/** What is handed on at once, and how many of them a body has: one is used while the next is filled. */
const SLAB = 1 << 20;
const SLABS = 3;
/** Milliseconds that a slab which is not full may be waited for. */
const LINGER = 20;

type Done = (error: Error | null, socket: Duplex) => void;

let landing: Buffer | undefined;
const takers = new WeakMap<Socket, Taker | undefined>();

/**
 * Connections whose reads land in one buffer that is used again and again. Node makes a buffer of 64 KiB for each read otherwise, and V8 answers every 64 MiB of
 * those with a look at the whole heap. What belongs to a response's head and to small bodies goes its usual way, copied; a large body is lent (lentBody).
 */
function lending(connect: (options: object) => Duplex | null | undefined): Duplex | null | undefined {
  let socket: Socket | undefined = undefined;
  const callback = (count: number, bytes: Uint8Array): boolean => {
    if (socket === undefined) return true;
    const part = Buffer.from(bytes.buffer, bytes.byteOffset, count);
    const taker = takers.get(socket);
    if (taker !== undefined) return taker.take(part);
    socket.emit('data', Buffer.from(part));
    return true;
  };
  landing ??= Buffer.allocUnsafeSlow(LANDING);
  socket = connect({ onread: { buffer: landing, callback } }) as Socket;
  takers.set(socket, undefined);
  return socket;
}

export class LendingAgent extends http.Agent {
  override createConnection(options: object, done?: Done): Duplex | null | undefined {
    return lending((more) => super.createConnection({ ...options, ...more } as http.ClientRequestArgs, done));
  }
}

export class SecureLendingAgent extends https.Agent {
  override createConnection(options: object, done?: Done): Duplex | null | undefined {
    return lending((more) => super.createConnection({ ...options, ...more } as https.RequestOptions, done));
  }
}

/** A body in large parts, each of them the reader's until it asks for the next one. Where that cannot be, in parts of its own. */
export async function* lentBody(body: IncomingMessage): AsyncGenerator<Buffer> {
  const { socket, headers } = body;
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (!takers.has(socket) || !Number.isSafeInteger(length) || headers['transfer-encoding'] !== undefined || body.readableFlowing !== null) {
    yield* body as AsyncIterable<Buffer>;
    return;
  }
  const early: Buffer[] = [];
  for (let part = body.read() as Buffer | null; part !== null; part = body.read() as Buffer | null) early.push(part);
  const left = length - early.reduce((sum, part) => sum + part.length, 0);
  if (left <= 0) {
    yield* early;
    yield* body as AsyncIterable<Buffer>; // its end, after which the connection is kept
    return;
  }
  const taker = new Taker(socket, left);
  takers.set(socket, taker);
  body.on('error', () => undefined); // the taker hears of the connection's end
  try {
    yield* early;
    socket.resume();
    for (let part = await taker.next(); part !== undefined; part = await taker.next()) yield part;
  } finally {
    socket.destroy(); // to node:http the body is not whole
  }
}

interface Slab {
  readonly bytes: Buffer;
  filled: number;
}

/** The rest of a body, gathered in slabs. */
class Taker {
  private readonly free: Buffer[] = [];
  private made = 0;
  private readonly ready: Slab[] = [];
  private filling: Slab | undefined;
  private lent: Slab | undefined;
  private paused = false;
  private closed = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly socket: Socket,
    private left: number,
  ) {
    socket.once('close', () => {
      this.closed = true;
      this.hand();
    });
  }

  /** False: there is no room for as much again. */
  take(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length && this.left > 0;) {
      this.filling ??= { bytes: this.slab(), filled: 0 };
      const { filling } = this;
      const count = bytes.copy(filling.bytes, filling.filled, at, at + Math.min(bytes.length - at, this.left));
      filling.filled += count;
      at += count;
      this.left -= count;
      if (filling.filled === SLAB || this.left === 0) this.hand();
    }
    this.paused = this.left > 0 && this.room() < LANDING;
    return !this.paused;
  }

  /** The slab that was given before may be filled again. Rejects when the connection ends too early, with what came until then given out. */
  async next(): Promise<Buffer | undefined> {
    if (this.lent !== undefined) this.free.push(this.lent.bytes);
    this.lent = undefined;
    if (this.paused && this.room() >= LANDING) {
      this.paused = false;
      this.socket.resume();
    }
    if (this.ready.length === 0 && this.left > 0 && !this.closed) await this.more();
    const next = this.ready.shift();
    if (next === undefined && this.left > 0) throw unavailable(`the connection ended ${this.left} bytes before the end`);
    this.lent = next;
    return next?.bytes.subarray(0, next.filled);
  }

  private async more(): Promise<void> {
    const timer = setInterval(() => this.hand(), LINGER);
    await new Promise<void>((resolve) => (this.wake = resolve));
    clearInterval(timer);
  }

  private hand(): void {
    if (this.filling !== undefined) this.ready.push(this.filling);
    this.filling = undefined;
    if (this.ready.length > 0 || this.closed) this.wake?.();
  }

  private slab(): Buffer {
    const free = this.free.pop();
    if (free !== undefined) return free;
    this.made++;
    return Buffer.allocUnsafeSlow(SLAB);
  }

  private room(): number {
    return (this.filling === undefined ? 0 : SLAB - this.filling.filled) + (this.free.length + SLABS - this.made) * SLAB;
  }
}
