import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** File of a program that answers looks, beside the running bundle or in dist; undefined when nothing is built. `here` is the caller's __dirname. */
export function findLooks(name: string, here: string): string | undefined {
  const places = ['.', ...['../../..', '../../../..', '../../../../..'].map((up) => join(up, 'dist/lib/gantry'))];
  return places.map((place) => join(here, place, `${name}.cjs`)).find((path) => existsSync(path));
}
