import { isErrorOf } from './errors';

/** Passes over errors of these kinds: what is to be undone is not there, or is somebody else's by now. */
export function ignore(...kinds: Parameters<typeof isErrorOf>[1][]): (error: unknown) => undefined {
  return (error) => {
    if (!isErrorOf(error, ...kinds)) throw error;
    return undefined;
  };
}
