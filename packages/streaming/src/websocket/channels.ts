import { Duplex } from 'node:stream';
import { unavailable } from '@gantry/rpc';
import type { RawData, WebSocket } from 'ws';
import { Budget, Inbox } from '../inbox';

/** Bytes received that may wait for their readers. */
const UNREAD_LIMIT = 1024 * 1024;
/** Of version 5: the channel whose messages name a channel that the client closes. */
const CLOSE_CHANNEL = 255;
const NORMAL = 1000;
/** Channel 0 as text; those behind 9 are the characters behind it. */
const DIGIT = 0x30;

export interface ChannelOptions {
  /** Channels are 0 to this, without it. */
  readonly count: number;
  /** Text messages: the channel as a digit, then its bytes in base64. */
  readonly base64: boolean;
  /** The client may close its side of a channel (v5). */
  readonly closes: boolean;
}

/** A WebSocket that carries numbered channels, each message one's: its first byte says whose. */
export class ChannelConnection {
  readonly budget = new Budget(UNREAD_LIMIT);
  readonly #channels: readonly Channel[];
  /** Resolves when the client is gone, or was told goodbye and went. */
  readonly closed: Promise<void>;

  constructor(
    private readonly socket: WebSocket,
    private readonly options: ChannelOptions,
  ) {
    this.#channels = Array.from({ length: options.count }, (_, number) => new Channel(number, this));
    socket.binaryType = 'nodebuffer';
    socket.on('message', (message: RawData, isBinary: boolean) => this.#received(message as Buffer, isBinary));
    socket.on('error', () => undefined); // 'close' follows
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const channel of this.#channels) channel.ended();
        resolve();
      });
    });
  }

  channel(number: number): Channel {
    const channel = this.#channels[number];
    if (channel === undefined) throw new RangeError(`channel ${number} of ${this.#channels.length}`);
    return channel;
  }

  send(number: number, bytes: Buffer, sent: (error?: Error | null) => void): void {
    if (this.socket.readyState !== this.socket.OPEN) return sent(unavailable('the client is gone'));
    if (this.options.base64) this.socket.send(`${String.fromCharCode(DIGIT + number)}${bytes.toString('base64')}`, { binary: false }, sent);
    else this.socket.send(Buffer.concat([Buffer.from([number]), bytes]), { binary: true }, sent);
  }

  /** Says goodbye, after all that was written. */
  close(): void {
    this.socket.close(NORMAL);
  }

  destroy(): void {
    this.socket.terminate();
  }

  #received(message: Buffer, isBinary: boolean): void {
    const [first] = message;
    if (first === undefined) return;
    const base64 = this.options.base64 && !isBinary;
    const number = base64 ? first - DIGIT : first;
    const bytes = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (number === CLOSE_CHANNEL && this.options.closes) this.#channels[bytes[0] ?? CLOSE_CHANNEL]?.ended();
    // Messages of channels that are not there are passed over, as the original does.
    else this.#channels[number]?.deliver(bytes);
    if (!this.budget.full || this.socket.isPaused) return;
    this.socket.pause();
    this.budget.whenRoom(() => this.socket.resume());
  }
}

/** One channel, half-open capable on the client's side; what ends here is told by the whole connection's end only. */
export class Channel extends Duplex {
  readonly #inbox: Inbox;

  constructor(
    private readonly number: number,
    private readonly connection: ChannelConnection,
  ) {
    super({ allowHalfOpen: true });
    this.#inbox = new Inbox(connection.budget, (bytes) => this.push(bytes));
    this.on('error', () => undefined); // whoever reads or writes hears of it; nobody has to
  }

  deliver(bytes: Buffer): void {
    this.#inbox.deliver(bytes);
  }

  /** The client closed its side of it, or is gone. */
  ended(): void {
    this.#inbox.end();
  }

  override _read(): void {
    this.#inbox.wanted();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.connection.send(this.number, bytes, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inbox.drop();
    done(error);
  }
}
