import { errorText, invalidArgument } from '@gantry/rpc';

/** Fails as the work does, but with something said before. */
export function named<T>(work: () => T, prefix: string): T {
  try {
    return work();
  } catch (error) {
    throw invalidArgument(`${prefix}${errorText(error)}`, { cause: error });
  }
}
