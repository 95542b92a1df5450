import { type Escape, expand, type Stages, within } from '@gantry/dockerfile';
import { formatPlatform } from '@gantry/oci';
import { type Platform, platformName } from '../platform';
import type { ArgumentUse } from './stage-outline';

/** The arguments that are always there; a build argument of the same name goes before. */
export function platformArgs(build: Platform, target: Platform, stage: string, given: ReadonlyMap<string, string>): Map<string, string> {
  const values = new Map([
    ['BUILDPLATFORM', formatPlatform(build)],
    ['BUILDOS', build.os],
    ['BUILDOSVERSION', build['os.version'] ?? ''],
    ['BUILDARCH', build.architecture],
    ['BUILDVARIANT', build.variant ?? ''],
    ['TARGETPLATFORM', platformName(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', target['os.version'] ?? ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant ?? ''],
    ['TARGETSTAGE', stage === '' ? 'default' : stage],
  ]);
  for (const name of values.keys()) {
    const value = given.get(name);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

export interface Globals {
  readonly values: ReadonlyMap<string, string>;
  readonly args: ReadonlyMap<string, ArgumentUse>;
}

/** The arguments in front of the first FROM, with what the client gave for them. */
export function globalArgs(
  start: ReadonlyMap<string, string>,
  declared: Stages['globals'],
  { given, escape }: { readonly given: ReadonlyMap<string, string>; readonly escape: Escape },
): Globals {
  const values = new Map(start);
  const args = new Map<string, ArgumentUse>();
  for (const { args: list, lines } of declared)
    for (const argument of list) {
      const fromClient = given.get(argument.key);
      const options = { lookup: (name: string) => values.get(name), escape };
      const made = fromClient ?? argument.value;
      const { word, used } =
        fromClient !== undefined || made === undefined
          ? { word: made, used: new Set<string>() }
          : within(lines, () => expand(made, options));
      if (word !== undefined) {
        values.delete(argument.key);
        values.set(argument.key, word);
      }
      // A default made of the argument itself needs what the argument needed before.
      const before = used.has(argument.key) ? [...(args.get(argument.key)?.needs ?? [])] : [];
      const needs = new Set([...used, ...before]);
      needs.delete(argument.key);
      args.set(argument.key, { argument, value: word ?? '', needs, lines });
    }
  return { values, args };
}
