/** A stream of messages as its reader finds it, wherever they come from. */
export interface MessageSource<T> {
  /** The next message that is here; undefined when none is. */
  take(): T | undefined;
  /** Looked at when nothing is left to take: why no more comes, or `true` at a good end; undefined while more may come. */
  over(): Error | true | undefined;
  /** The reader leaves before the end. */
  left(): void;
}

export interface MessageLoop<T> {
  /** Something of the source has changed: a message, its end. */
  wake(): void;
  /** May be iterated once. */
  readonly messages: AsyncGenerator<T, void, undefined>;
}

/** The one loop in which messages are read: all that came before an error is given out before it. */
export function messageLoop<T>(source: MessageSource<T>): MessageLoop<T> {
  let wake = (): void => undefined;
  async function* read(): AsyncGenerator<T, void, undefined> {
    let done = false;
    try {
      for (;;) {
        const message = source.take();
        if (message !== undefined) {
          yield message;
          continue;
        }
        const over = source.over();
        if (over !== undefined) {
          done = true;
          if (over === true) return;
          throw over;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      if (!done) source.left();
    }
  }
  return { wake: () => wake(), messages: read() };
}
