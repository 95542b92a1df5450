import type { AsyncSyscalls, Syscalls } from '../syscalls';

export type RecordedCall = readonly [name: string, ...args: unknown[]];

/**
 * A kernel that does nothing and remembers everything: `calls` lists name and arguments in order, asynchronous ones as `async.umount2`.
 * Calls that make descriptors answer 1000, 1001, …; give `answers` for those whose result matters or that should fail.
 */
export function recordingSyscalls(answers: Partial<Syscalls> & { readonly async?: Partial<AsyncSyscalls> } = {}): {
  readonly syscalls: Syscalls & { readonly async: AsyncSyscalls };
  readonly calls: RecordedCall[];
} {
  const calls: RecordedCall[] = [];
  let next = 1000;
  const record = (prefix: string, given: Record<string, unknown>, defaultAnswer: () => unknown): object =>
    new Proxy(given, {
      get: (target, name) => {
        if (typeof name !== 'string') return undefined;
        if (prefix === '' && name === 'async') return asynchronous;
        return (...args: unknown[]) => {
          calls.push([`${prefix}${name}`, ...args]);
          const answer = target[name];
          return typeof answer === 'function' ? (answer as (...args: unknown[]) => unknown)(...args) : defaultAnswer();
        };
      },
    });
  const asynchronous = record('async.', (answers.async ?? {}) as Record<string, unknown>, () => Promise.resolve(0));
  const syscalls = record('', answers as Record<string, unknown>, () => next++) as Syscalls & { readonly async: AsyncSyscalls };
  return { syscalls, calls };
}
