import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, connect, type Server } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';
import { asGantryError, errorText, internal, unavailable } from './errors';
import { localStreamPair } from './local-stream';
import type { Logger } from './logger';
import { publishSocket, retractSocket } from './private-socket';
import { shortSocketPath } from './short-socket';
import { after, type Timer } from './timer';

/** What crosses gRPC (gantry.types.v1.StreamTicket) in place of bulk bytes. */
export interface StreamTicket {
  readonly socket: string;
  /** 32 hex digits, good for one connection. */
  readonly token: string;
}

/**
 * Gets the raw two-way stream once its client has shown the token. The stream is half-open capable: `end()` says "no more from me" only.
 * When the handler resolves the stream is ended; when it rejects the stream is destroyed.
 */
export type StreamHandler = (stream: Duplex) => Promise<void>;

/** Milliseconds that a ticket stays good unclaimed, and that a connection may take to show its token. */
const CLAIM_MS = 30_000;
const TOKEN_LENGTH = 32;
/** First byte of a connection that asks how a ticket's stream ended, in place of claiming it. */
const ASK = 0x3f;
/** The answer to it when the handler is done; any other is what went wrong. */
const ALL_WELL = 'ok';
/** The one of a process that did not offer it. */
const UNKNOWN = 'nothing is known of this stream';
/** Milliseconds that the end of a stream can be asked for. */
const OUTCOME_MS = 30_000;
/** Milliseconds that a client has to close after the handler is done and everything is sent. */
const LINGER_MS = 2000;

interface Offer {
  readonly secret: Buffer;
  readonly handler: StreamHandler;
  readonly timer: Timer;
  readonly expired?: () => void;
}

export interface BrokerOptions {
  readonly runRoot: string;
  /** Tells brokers of one run root apart; the service's name. */
  readonly id: string;
  readonly logger: Logger;
  readonly claimMs?: number;
}

/** Brokers of this process by socket path: a ticket that is claimed where it was made needs no socket. */
const local = new Map<string, StreamBroker>();

/** Hands bulk bytes out over one unix socket (0600 in RUN/s), one connection per ticket. */
export class StreamBroker {
  readonly socketPath: string;
  private readonly offers = new Map<string, Offer>();
  private readonly open = new Set<Duplex>();
  /** How claimed tickets' handlers ended, or that they run, by token. */
  private readonly outcomes = new Map<string, Promise<void>>();
  private readonly server: Server;

  constructor(private readonly options: BrokerOptions) {
    this.socketPath = shortSocketPath(options.runRoot, `broker/${options.id}`);
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.admit(socket));
  }

  /** Connections that are open now, for tests and metrics. */
  get connections(): number {
    return this.open.size;
  }

  /** Tickets that wait to be claimed. */
  get pending(): number {
    return this.offers.size;
  }

  async listen(): Promise<void> {
    await publishSocket(
      this.socketPath,
      0o600,
      (place) =>
        new Promise((resolve, reject) => {
          this.server.once('error', reject);
          this.server.listen(place, () => {
            this.server.off('error', reject);
            resolve();
          });
        }),
    );
    local.set(this.socketPath, this);
  }

  /** A ticket for one connection. `expired` is called when nobody claims it in time or the broker closes: release what was prepared. */
  offer(handler: StreamHandler, expired?: () => void): StreamTicket {
    const token = randomBytes(TOKEN_LENGTH / 2).toString('hex');
    const key = token.slice(0, 8);
    if (this.offers.has(key)) return this.offer(handler, expired);
    const timer = after(this.options.claimMs ?? CLAIM_MS, () => this.withdraw(key), { ref: false });
    this.offers.set(key, { secret: Buffer.from(token), handler, timer, ...(expired === undefined ? {} : { expired }) });
    return { socket: this.socketPath, token };
  }

  async close(): Promise<void> {
    local.delete(this.socketPath);
    await retractSocket(this.socketPath);
    for (const key of [...this.offers.keys()]) this.withdraw(key);
    for (const socket of this.open) socket.destroy();
    if (this.server.listening) await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private withdraw(key: string): void {
    const offer = this.offers.get(key);
    if (offer === undefined) return;
    offer.timer.cancel();
    this.offers.delete(key);
    offer.expired?.();
  }

  /** The client's end of a stream to a ticket of this process; undefined when the token is not good. */
  claimLocally(token: string): Duplex | undefined {
    const handler = this.claim(Buffer.from(`${token}\n`));
    if (handler === undefined) return undefined;
    const [client, served] = localStreamPair();
    this.watch(served);
    this.run(token, handler, served);
    return client;
  }

  /** Gives a ticket of this process a stream that its client has already. False when the token is not good: then no stream was made. */
  bringLocally(token: string, stream: () => Duplex): boolean {
    const handler = this.claim(Buffer.from(`${token}\n`));
    if (handler === undefined) return false;
    const brought = stream();
    this.watch(brought);
    this.run(token, handler, brought);
    return true;
  }

  /** Resolves when the handler of a claimed ticket is done, rejects with its error. */
  async outcome(token: string): Promise<void> {
    const outcome = this.outcomes.get(token);
    if (outcome === undefined) throw unavailable(UNKNOWN);
    await outcome;
  }

  private watch(stream: Duplex): void {
    this.open.add(stream);
    stream.once('close', () => this.open.delete(stream));
    stream.on('error', (error) => this.options.logger.debug({ err: error }, 'stream connection failed'));
  }

  private run(token: string, handler: StreamHandler, stream: Duplex): void {
    const outcome = handler(stream);
    this.outcomes.set(token, outcome);
    const forget = (): void => void setTimeout(() => this.outcomes.delete(token), OUTCOME_MS).unref();
    outcome.then(forget, forget);
    outcome.then(
      () => this.dismiss(stream),
      (error: unknown) => {
        const failure = asGantryError(error);
        this.options.logger.warn({ err: failure }, `stream failed: ${errorText(failure)}`);
        stream.destroy();
      },
    );
  }

  private answer(token: string, socket: Duplex): void {
    this.outcome(token).then(
      () => socket.end(ALL_WELL),
      (error: unknown) => socket.end(errorText(asGantryError(error))),
    );
  }

  private admit(socket: Duplex): void {
    this.watch(socket);
    const timer = after(this.options.claimMs ?? CLAIM_MS, () => socket.destroy());
    // Half-open, it would stay until the timer: whoever asks whether somebody listens here shows no token.
    const left = (): void => void socket.destroy();
    const read = (): void => {
      const line = socket.read(TOKEN_LENGTH + 1) as Buffer | null;
      if (line === null) return;
      socket.off('readable', read).off('end', left);
      timer.cancel();
      if (line[0] === ASK) {
        this.answer(line.toString('latin1', 1), socket);
        return;
      }
      const handler = this.claim(line);
      if (handler === undefined) {
        this.options.logger.warn('stream connection refused: unknown or expired token');
        socket.destroy();
        return;
      }
      this.run(line.toString('latin1', 0, TOKEN_LENGTH), handler, socket);
    };
    socket.on('readable', read).once('end', left);
    socket.once('close', () => timer.cancel());
  }

  /** The handler is done: nothing more goes out, what still comes in is thrown away, and a client that does not close is cut. */
  private dismiss(socket: Duplex): void {
    if (socket.destroyed) return;
    socket.end();
    socket.resume(); // closing with unread input would reset the connection under the client's last bytes
    const linger = (): void => {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      timer.unref();
      socket.once('close', () => clearTimeout(timer));
    };
    if (socket.writableFinished) linger();
    else socket.once('finish', linger);
  }

  private claim(line: Buffer): StreamHandler | undefined {
    if (line.length !== TOKEN_LENGTH + 1 || line[TOKEN_LENGTH] !== 0x0a) return undefined;
    const shown = line.subarray(0, TOKEN_LENGTH);
    const key = shown.toString('latin1', 0, 8);
    const offer = this.offers.get(key);
    if (offer === undefined || !timingSafeEqual(shown, offer.secret)) return undefined;
    offer.timer.cancel();
    this.offers.delete(key);
    return offer.handler;
  }
}

/** Claims a ticket: a connected raw stream (half-open capable). Rejects with unavailable when the service is gone. */
export async function openTicket(ticket: StreamTicket, options: { readonly signal?: AbortSignal } = {}): Promise<Duplex> {
  options.signal?.throwIfAborted();
  const near = local.get(ticket.socket)?.claimLocally(ticket.token);
  if (near === undefined) return connectTicket(ticket, options);
  return options.signal === undefined ? near : addAbortSignal(options.signal, near);
}

/**
 * Claims a ticket with a stream that the claimer has already, where the ticket was made in this process: its handler gets that stream itself, with nothing
 * between, in the same turn. Answers what tells of the handler's end; undefined for a ticket of another process, or none: then `stream` was not called.
 */
export function bringTicket(ticket: StreamTicket, stream: () => Duplex): Promise<void> | undefined {
  const near = local.get(ticket.socket);
  return near?.bringLocally(ticket.token, stream) === true ? near.outcome(ticket.token) : undefined;
}

/** As openTicket, always over the socket. */
export function connectTicket(ticket: StreamTicket, options: { readonly signal?: AbortSignal } = {}): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      path: ticket.socket,
      allowHalfOpen: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const failed = (error: Error): void =>
      reject(
        options.signal?.aborted === true
          ? asGantryError(options.signal.reason)
          : unavailable(`stream socket ${ticket.socket} is gone`, { cause: error }),
      );
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.write(`${ticket.token}\n`);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

/**
 * To be asked after the last byte of a claimed ticket: resolves when the other side sent all that it meant to send, rejects when its handler failed on
 * the way, with unavailable when the service went away and nobody knows. A stream that fails otherwise looks like one that ends.
 */
export async function ticketOutcome(ticket: StreamTicket): Promise<void> {
  const near = local.get(ticket.socket);
  if (near !== undefined) return near.outcome(ticket.token);
  const socket = connect(ticket.socket);
  const words: Buffer[] = [];
  try {
    socket.write(`?${ticket.token}`);
    for await (const part of socket) words.push(part as Buffer);
  } catch (cause) {
    throw unavailable(`stream socket ${ticket.socket} is gone`, { cause });
  }
  const answer = Buffer.concat(words).toString();
  if (answer === ALL_WELL) return;
  throw answer === '' || answer === UNKNOWN
    ? unavailable(`stream failed: ${answer || 'its service is gone'}`)
    : internal(`stream failed: ${answer}`);
}
