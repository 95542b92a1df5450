import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';

/** gantry-native is the C program of this package; gantry-init the static init of --init containers. */
export type ProgramName = 'gantry-native' | 'gantry-init';

/** Folders of the C programs, seen from the folder of the running file: installed beside a bundle, in dist, and from any depth of the sources. */
const places = [
  'libexec',
  '../libexec/gantry',
  '../../libexec/gantry',
  '.',
  '..',
  '../..',
  '../../../dist',
  '../../../../dist',
  '../../../../../dist',
];

const candidatesOf = (name: ProgramName, here: string): string[] => places.map((place) => join(here, place, name));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there: the next place is looked at
  }
}

/** Absolute path of a C program, or undefined when it is not installed. `here` is the caller's __dirname. */
export function findProgram(name: ProgramName, here: string): string | undefined {
  return candidatesOf(name, here).find(isExecutable);
}

/**
 * As findProgram, for who cannot do without it; a configured path (not empty) is taken as it is.
 * @throws invalidArgument for a configured path that is not absolute, failedPrecondition when there is no such program
 */
export function locateProgram(name: ProgramName, here: string, configured = ''): string {
  if (configured !== '' && !configured.startsWith('/')) throw invalidArgument(`native "${configured}" is not an absolute path`);
  const candidates = configured === '' ? candidatesOf(name, here) : [configured];
  const found = candidates.find(isExecutable);
  if (found === undefined) throw failedPrecondition(`${name} not found (looked at ${candidates.join(', ')})`);
  return found;
}
