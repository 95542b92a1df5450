/**
 * How much of what a connection received may wait for its readers. The protocols have no windows that their clients keep to (ADR 0375): a
 * connection whose streams are read too slowly is no longer read itself, and TCP holds the client up.
 */
export class Budget {
  #waiting = 0;
  #resume: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  get full(): boolean {
    return this.#waiting > this.limit;
  }

  take(bytes: number): void {
    this.#waiting += bytes;
  }

  give(bytes: number): void {
    this.#waiting -= bytes;
    if (this.full) return;
    const resume = this.#resume;
    this.#resume = [];
    for (const each of resume) each();
  }

  /** Calls back once there is room again. */
  whenRoom(resume: () => void): void {
    if (this.full) this.#resume.push(resume);
    else resume();
  }
}

/** What one stream received and nobody has read yet, between a connection and a Readable's `push`. */
export class Inbox {
  readonly #queue: Buffer[] = [];
  #wanted = false;
  #ended = false;
  #told = false;

  constructor(
    private readonly budget: Budget,
    private readonly push: (bytes: Buffer | null) => boolean,
  ) {}

  /** After `end` nothing more comes: what does is thrown away. */
  deliver(bytes: Buffer): void {
    if (this.#ended || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.budget.take(bytes.length);
    this.#feed();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#feed();
  }

  /** The Readable's `_read`. */
  wanted(): void {
    this.#wanted = true;
    this.#feed();
  }

  /** The reader is gone: nothing of its waits any more. */
  drop(): void {
    this.#ended = true;
    this.#told = true;
    for (const bytes of this.#queue.splice(0)) this.budget.give(bytes.length);
  }

  #feed(): void {
    while (this.#wanted) {
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.#wanted = this.push(bytes);
      this.budget.give(bytes.length);
    }
    if (!this.#ended || this.#told || this.#queue.length > 0) return;
    this.#told = true;
    this.push(null);
  }
}
