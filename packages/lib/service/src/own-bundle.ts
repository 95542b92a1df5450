import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '@gantry/rpc/errors';

/** Places of the bundles, seen from the directory of a running one: beside it, and from the sources of a package. */
const PLACES = ['.', '../../../dist/lib/gantry', '../../../../dist/lib/gantry'];

/** The command line that runs another program of ours, on the Node that runs this one. Throws failedPrecondition when it is not installed. */
export function ownCommand(name: string, here: string): readonly [string, string] {
  const bundle = PLACES.map((place) => join(here, place, `${name}.cjs`)).find((path) => existsSync(path));
  if (bundle === undefined) throw failedPrecondition(`${name}.cjs is not found beside ${here}`);
  return [process.execPath, bundle];
}
