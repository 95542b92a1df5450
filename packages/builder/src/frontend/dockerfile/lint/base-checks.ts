import { type Lines, quoted } from '@gantry/dockerfile';
import { normalizePlatform, type Platform, platformName } from '../platform';
import type { Linter } from './linter';

/** The base image was made for the platform that was asked for. */
export function checkBasePlatform(
  linter: Linter,
  { written, lines }: { readonly written: string; readonly lines: Lines },
  expected: Platform,
  actual: Platform,
): void {
  if (expected.os === actual.os && expected.architecture === actual.architecture) return;
  const shown = (platform: Platform): string => quoted(platformName(normalizePlatform(platform)));
  linter.report(
    'InvalidBaseImagePlatform',
    lines,
    `Base image ${written} was pulled with platform ${shown(actual)}, expected ${shown(expected)} for current build`,
  );
}
