import type { ErrorKind } from '@gantry/rpc';

const ENDED: readonly ErrorKind[] = ['cancelled', 'deadlineExceeded'];

/**
 * What clients are told of by a code. Every other failure of a build is told by its words alone: clients would print the code's name before them.
 * A step says who may not, a frontend what it does not know of (clients try another way then), and Control that a build was not served.
 */
export const codes = {
  step: [...ENDED, 'unauthorized', 'forbidden', 'resourceExhausted'],
  frontend: [...ENDED, 'notImplemented'],
  control: [...ENDED, 'notImplemented', 'unavailable'],
} as const satisfies Readonly<Record<string, readonly ErrorKind[]>>;
