import { errnoName } from '@gantry/linux';
import type { Reply, Request } from './message';
import { decode, encode } from './message';

/** A netlink socket, wherever its network namespace is. */
export interface NetlinkPort {
  /** Hands the datagram to the kernel, which answers before this settles. May wait for the kernel's rtnl or nft lock, off the event loop. */
  send(datagram: Buffer): Promise<void>;
  /** The next queued datagram, or undefined when there is none. */
  receive(): Buffer | undefined;
  close(): void;
  /** What the kernel calls it. */
  readonly portId?: number;
}

/** The kernel refused one message of a request. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';

  constructor(
    readonly errno: number,
    readonly purpose: string,
    text = '',
  ) {
    super(`${purpose}: ${errnoName(errno)}${text === '' ? '' : ` (${text})`}`);
  }

  get code(): string {
    return errnoName(this.errno);
  }
}

export function isNetlinkError(error: unknown, ...codes: string[]): error is NetlinkError {
  return error instanceof NetlinkError && (codes.length === 0 || codes.includes(error.code));
}

/**
 * Sends requests and collects what the kernel says to them. One exchange at a time; others queue.
 *
 * The kernel handles a datagram's messages in order within send, and goes on after one that failed, so a batch of dependent
 * messages either works or reports its first error.
 */
export class NetlinkConnection {
  #sequence = 1;
  #tail: Promise<unknown> | undefined;

  constructor(private readonly port: NetlinkPort) {}

  /** All data replies. Rejects with the first NetlinkError of the batch. On an idle connection the kernel is at work when this returns. */
  request(requests: readonly Request[]): Promise<Reply[]> {
    const run = this.#tail === undefined ? this.#exchange(requests) : this.#tail.then(() => this.#exchange(requests));
    const tail = run.then(ignore, ignore).then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    this.#tail = tail;
    return run;
  }

  async #exchange(requests: readonly Request[]): Promise<Reply[]> {
    const start = this.#sequence;
    this.#sequence += requests.length;
    await this.port.send(encode(requests, start));
    const replies: Reply[] = [];
    let failure: NetlinkError | undefined;
    const last = start + requests.length - 1;
    let over = false; // the last request is answered: a look for more would only find that there is none
    for (let datagram = this.port.receive(); datagram !== undefined; datagram = over ? undefined : this.port.receive()) {
      const answer = decode(datagram);
      replies.push(...answer.replies);
      for (const outcome of answer.outcomes) {
        over ||= outcome.sequence === last;
        const request = requests[outcome.sequence - start];
        if (outcome.errno !== 0 && request !== undefined) failure ??= new NetlinkError(outcome.errno, request.purpose, outcome.text);
      }
    }
    if (failure !== undefined) throw failure;
    return replies;
  }

  get portId(): number {
    return this.port.portId ?? 0;
  }

  close(): void {
    this.port.close();
  }
}

function ignore(): void {
  // the caller of the exchange sees its outcome
}
