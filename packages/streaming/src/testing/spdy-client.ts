import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { constants, createDeflate, type Deflate } from 'node:zlib';
import { DICTIONARY } from '../spdy/dictionary';
import { CONTROL, controlFrame, dataHead, FLAG_FIN, FrameReader, numbers, RESET } from '../spdy/frame';

/** The client's end of one stream. */
export interface ClientStream {
  readonly id: number;
  write(text: string | Buffer): void;
  /** The client has no more to say. */
  end(): void;
  /** The client wants no more of it. */
  reset(): void;
  /** All that the server sent, until its end. Rejects when the stream is reset. */
  readonly all: Promise<string>;
  /** What came so far. */
  readonly bytes: () => string;
  /** Resolves as soon as that holds this text. */
  until(text: string): Promise<void>;
}

/** A client of SPDY/3.1 as kubectl has one: it compresses with the dictionary and keeps to no windows. */
export class SpdyClient {
  readonly #frames = new FrameReader();
  readonly #deflate: Deflate = createDeflate({ dictionary: DICTIONARY });
  readonly #streams = new Map<number, { bytes: Buffer[]; end: () => void; reset: (error: Error) => void; heard: Set<() => void> }>();
  readonly #pings = new Map<number, () => void>();
  #nextId = 1;
  readonly closed: Promise<void>;

  constructor(readonly socket: Duplex) {
    socket.on('data', (received: Buffer) => this.#read(received));
    socket.on('error', () => undefined);
    this.closed = once(socket, 'close').then(() => undefined);
    void this.closed.then(() => {
      for (const stream of this.#streams.values()) stream.reset(new Error('the connection was closed'));
    });
  }

  static async connect(url: string, protocol: string, method = 'POST'): Promise<SpdyClient> {
    const request = httpRequest(url, {
      method,
      headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol, 'Content-Length': 0 },
    });
    request.end();
    return new Promise((resolve, reject) => {
      request.once('error', reject);
      request.once('response', (response) => {
        response.setEncoding('utf8').on('data', (text: string) => reject(new Error(`${response.statusCode} ${text.trim()}`)));
      });
      request.once('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(new SpdyClient(socket));
      });
    });
  }

  async open(headers: Readonly<Record<string, string>>, { fin = false } = {}): Promise<ClientStream> {
    const id = this.#nextId;
    this.#nextId += 2;
    let end: () => void = () => undefined;
    let reset: (error: Error) => void = () => undefined;
    const bytes: Buffer[] = [];
    const heard = new Set<() => void>();
    const text = (): string => Buffer.concat(bytes).toString();
    const all = new Promise<string>((resolve, reject) => {
      end = () => resolve(text());
      reset = reject;
    });
    all.catch(() => undefined);
    this.#streams.set(id, { bytes, end, reset, heard });
    const block = await this.block(headers);
    this.socket.write(controlFrame(CONTROL.SYN_STREAM, fin ? FLAG_FIN : 0, Buffer.concat([numbers(id, 0), Buffer.alloc(2), block])));
    const data = (what: Buffer, last: boolean): void => void this.socket.write(Buffer.concat([dataHead(id, what.length, last), what]));
    return {
      id,
      write: (what) => data(Buffer.from(what), false),
      end: () => data(Buffer.alloc(0), true),
      reset: () => void this.socket.write(controlFrame(CONTROL.RST_STREAM, 0, numbers(id, RESET.CANCEL))),
      all,
      bytes: text,
      until: (wanted) =>
        new Promise((resolve, reject) => {
          const look = (): void => (text().includes(wanted) ? resolve() : undefined);
          heard.add(look);
          all.then(look, reject);
          look();
        }),
    };
  }

  async ping(id: number): Promise<void> {
    const answered = new Promise<void>((resolve) => this.#pings.set(id, resolve));
    this.socket.write(controlFrame(CONTROL.PING, 0, numbers(id)));
    await answered;
  }

  /** Headers, compressed. */
  async block(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const pairs = Object.entries(headers).flat();
    const bytes = Buffer.concat([
      numbers(pairs.length / 2),
      ...pairs.flatMap((each) => [numbers(Buffer.byteLength(each)), Buffer.from(each)]),
    ]);
    this.#deflate.write(bytes);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    const parts: Buffer[] = [];
    for (let part; (part = this.#deflate.read() as Buffer | null) !== null;) parts.push(part);
    return Buffer.concat(parts);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(received: Buffer): void {
    for (const frame of this.#frames.read(received)) {
      if (frame.kind === 'data') {
        const stream = this.#streams.get(frame.streamId);
        stream?.bytes.push(Buffer.from(frame.bytes));
        for (const heard of stream?.heard ?? []) heard();
        if (frame.fin) stream?.end();
      } else if (frame.type === CONTROL.RST_STREAM) {
        this.#streams.get(frame.body.readUInt32BE(0))?.reset(new Error(`reset ${frame.body.readUInt32BE(4)}`));
      } else if (frame.type === CONTROL.PING) this.#pings.get(frame.body.readUInt32BE(0))?.();
    }
  }
}
