import { didYouMean, type Expanded, type Lines, quoted } from '@gantry/dockerfile';
import type { StageBase } from '../convert/state';
import { parsePlatform } from '../platform';
import type { Linter } from './linter';

interface Place {
  readonly linter: Linter;
  readonly lines: Lines;
  /** Arguments that are declared, or always there. */
  readonly known: readonly string[];
}

export function checkFromArgs({ linter, lines, known }: Place, unset: ReadonlySet<string>): void {
  for (const name of unset)
    if (!known.includes(name))
      linter.report('UndefinedArgInFrom', lines, `FROM argument '${name}' is not declared${didYouMean(name, known)}`);
}

export function checkFromPlatform(
  { linter, lines }: Place,
  { stage, platform = '' }: StageBase,
  { word, used, unset }: Expanded,
  globals: ReadonlyMap<string, string>,
): void {
  if (used.size === 1 && unset.size === 0 && used.has('TARGETPLATFORM') && globals.get('TARGETPLATFORM') === word)
    linter.report(
      'RedundantTargetPlatform',
      lines,
      `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
    );
  if (used.size > 0 || unset.size > 0) return;
  try {
    const { os, architecture } = parsePlatform(word);
    if (stage.includes(os) || stage.includes(architecture)) return;
  } catch {
    return; // said where the platform is used
  }
  linter.report('FromPlatformFlagConstDisallowed', lines, `FROM --platform flag should not use constant value ${quoted(word)}`);
}
