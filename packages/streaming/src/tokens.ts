import { randomBytes } from 'node:crypto';
import { after, resourceExhausted, type Timer } from '@gantry/rpc';

/** What a token may be as long as, characters of base64url: 144 bits. */
const BYTES = 18;

export interface TokenOptions {
  /** Milliseconds that a token waits for its client. */
  readonly lifetimeMs: number;
  /** Tokens that may wait at a time. */
  readonly limit: number;
}

/** Requests that wait for their clients, each behind a token that works once. */
export class Tokens<T> {
  readonly #waiting = new Map<string, { readonly request: T; readonly timer: Timer }>();
  readonly #options: TokenOptions;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  /** Errors: resourceExhausted while as many wait as may. */
  issue(request: T): string {
    if (this.#waiting.size >= this.#options.limit) throw resourceExhausted('maximum number of in-flight requests exceeded');
    const token = randomBytes(BYTES).toString('base64url');
    const timer = after(this.#options.lifetimeMs, () => this.#waiting.delete(token), { ref: false });
    this.#waiting.set(token, { request, timer });
    return token;
  }

  /** The request of a token, which is spent then. */
  spend(token: string): T | undefined {
    const found = this.#waiting.get(token);
    found?.timer.cancel();
    this.#waiting.delete(token);
    return found?.request;
  }

  clear(): void {
    for (const token of [...this.#waiting.keys()]) this.spend(token);
  }
}
