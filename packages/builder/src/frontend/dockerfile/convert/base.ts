import { expand, type Lines } from '@gantry/dockerfile';
import { atLines, didYouMean, within } from '@gantry/dockerfile';
import { invalidArgument, prefixed } from '@gantry/rpc';
import { parsePlatform, type Platform } from '../platform';
import type { Conversion } from './conversion';
import { checkFromArgs, checkFromPlatform } from '../lint/from-checks';
import type { StageBase } from './state';

/** FROM with its variables expanded. */
export interface ExpandedBase {
  readonly base: string;
  readonly platform: Platform | undefined;
  /** Arguments that it is made of. */
  readonly used: ReadonlySet<string>;
}

/** What FROM says, with the global arguments put in. Errors: invalidArgument, with its lines. */
export function expandBase(
  { linter, escape, globals }: Pick<Conversion, 'linter' | 'escape' | 'globals'>,
  stage: StageBase,
  known: readonly string[],
): ExpandedBase {
  const { lines } = stage;
  const options = { lookup: (name: string) => globals.get(name), escape };
  const checks = { linter, lines, known: [...known, ...globals.keys()] };
  const base = within(lines, () => expand(stage.base, options));
  checkFromArgs(checks, base.unset);
  if (base.word === '') throw atLines(invalidArgument(`base name (${stage.base}) should not be blank`), lines);
  if (stage.platform === undefined) return { base: base.word, platform: undefined, used: base.used };
  const platform = within(lines, () => expand(stage.platform ?? '', options));
  checkFromArgs(checks, platform.unset);
  checkFromPlatform(checks, stage, platform, globals);
  return {
    base: base.word,
    platform: platformOf(stage.platform, platform, { lines, names: [...globals.keys()] }),
    used: new Set([...base.used, ...platform.used]),
  };
}

function platformOf(
  written: string,
  { word, unset }: { readonly word: string; readonly unset: ReadonlySet<string> },
  { lines, names }: { readonly lines: Lines; readonly names: readonly string[] },
): Platform {
  const hint = [...unset].map((name) => didYouMean(name, names)).find((found) => found !== '') ?? '';
  if (word === '') throw atLines(invalidArgument(`empty platform value from expression ${written}${hint}`), lines);
  try {
    return parsePlatform(word);
  } catch (error) {
    const failed = prefixed(error, `failed to parse platform ${written}`);
    throw atLines(hint === '' ? failed : invalidArgument(`${failed.message}${hint}`, { cause: error }), lines);
  }
}
