/** Longest delay that Node's own timers take: a longer one they turn into 1 ms, with a warning. */
const LONGEST_MS = 2 ** 31 - 1;

export interface Timer {
  /** Harmless when it has run. */
  cancel(): void;
}

export interface TimerOptions {
  /** False: the timer does not keep the process alive. Default true. */
  readonly ref?: boolean;
}

/**
 * Runs something after a duration of any length: what users and callers give (a stop's time-out, an interval of health checks, a deadline)
 * may be longer than the 24.8 days that setTimeout takes. Infinity never comes; what is below zero comes at once.
 */
export function after(ms: number, run: () => void, { ref = true }: TimerOptions = {}): Timer {
  if (Number.isNaN(ms)) throw new TypeError('a timer without duration');
  if (ms === Infinity) return { cancel: () => undefined };
  const due = performance.now() + ms;
  let handle: NodeJS.Timeout;
  const arm = (left: number): void => {
    handle = left > LONGEST_MS ? setTimeout(() => arm(due - performance.now()), LONGEST_MS) : setTimeout(run, Math.max(0, left));
    if (!ref) handle.unref();
  };
  arm(ms);
  return { cancel: () => clearTimeout(handle) };
}

/** Runs something again and again, each time so long after the last. */
export function every(ms: number, run: () => void, options: TimerOptions = {}): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = after(
      ms,
      () => {
        arm();
        run();
      },
      options,
    );
  };
  arm();
  return { cancel: () => timer.cancel() };
}

/** Resolves with true after a duration of any length, or with false as soon as the signal aborts. Never rejects. */
export function pause(
  ms: number,
  { signal, ...options }: TimerOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve(false);
    const end = (passed: boolean): void => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      resolve(passed);
    };
    const abort = (): void => end(false);
    const timer = after(ms, () => end(true), options);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
