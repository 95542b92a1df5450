import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseFlags } from './arguments';

const flags = {
  root: { kind: 'string', help: 'directory of the containers\' states (default /run/gantry-runc)' },
  log: { kind: 'string', help: 'file for errors and warnings (default stderr)' },
  'log-format': { kind: 'string', help: 'text or json' },
  debug: { kind: 'boolean', help: 'accepted for callers of runc' },
  'systemd-cgroup': { kind: 'boolean', help: 'accepted: slice:prefix:name paths are laid out without systemd' },
  rootless: { kind: 'string', help: 'accepted: auto or false' },
  criu: { kind: 'string', help: 'accepted: there is no checkpoint' },
  native: { kind: 'string', help: 'the C program (default: found beside this file)' },
  version: { kind: 'boolean', short: 'v', help: 'print the version' },
  help: { kind: 'boolean', short: 'h', help: 'print this' },
} as const;

export const globalFlags = flags;

export interface Config {
  readonly root: string;
  readonly log: string | undefined;
  readonly logFormat: 'text' | 'json';
  readonly native: string | undefined;
  readonly version: boolean;
  readonly help: boolean;
  /** The verb and its words. */
  readonly words: readonly string[];
}

export function readConfig(argv: readonly string[]): Config {
  const { values, rest } = parseFlags(argv, flags);
  const logFormat = values['log-format'] ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') throw invalidArgument(`flag --log-format: "${logFormat}" is not text or json`);
  if (values.rootless !== undefined && !['auto', 'false'].includes(values.rootless)) throw invalidArgument('flag --rootless: only root may run containers here');
  return { root: values.root ?? '/run/gantry-runc', log: values.log, logFormat, native: values.native, version: values.version, help: values.help, words: rest };
}

/** Beside the installed bundle, in dist, or seen from the sources. */
const places = ['libexec/gantry-native', '../libexec/gantry/gantry-native', '../../gantry-native', '../gantry-native', 'gantry-native', '../../../../dist/gantry-native'];

export function findNative(configured: string | undefined, here: string): string {
  const candidates = configured === undefined ? places.map((place) => join(here, place)) : [configured];
  for (const path of candidates) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue; /* the next place */
    }
  }
  throw failedPrecondition(`gantry-native not found (looked at ${candidates.join(', ')})`);
}
