import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc';

/** Places of gantry-native, seen from the directory of the running bundle: installed, in dist, and from the sources. */
const places = [
  'libexec/gantry-native',
  '../libexec/gantry/gantry-native',
  '../../libexec/gantry/gantry-native',
  'gantry-native',
  '../gantry-native',
  '../../gantry-native',
  '../../../dist/gantry-native',
  '../../dist/gantry-native',
];

/** The configured path, or the first place that has an executable. */
export async function findNativeBinary(configured: string, here: string): Promise<string> {
  if (configured !== '' && !configured.startsWith('/')) throw invalidArgument(`native "${configured}" is not an absolute path`);
  const candidates = configured === '' ? places.map((place) => join(here, place)) : [configured];
  for (const path of candidates) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw failedPrecondition(`gantry-native not found (looked at ${candidates.join(', ')})`);
}
