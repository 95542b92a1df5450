import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '@gantry/rpc';

/** Places of the C programs, seen from the directory of the running bundle: installed, in dist, and from the sources. */
const PLACES = ['libexec', '../libexec/gantry', '../../libexec/gantry', '.', '..', '../..', '../../../dist', '../../../../dist'];

/** Absolute path of a C program, or undefined when it is not installed. */
export function findProgram(name: string, here: string): string | undefined {
  return PLACES.map((place) => join(here, place, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false; // not there: the next place is looked at
    }
  });
}

/** As findProgram. Throws failedPrecondition. */
export function requireProgram(name: string, here: string): string {
  const found = findProgram(name, here);
  if (found === undefined) throw failedPrecondition(`${name} is not found beside ${here}`);
  return found;
}
