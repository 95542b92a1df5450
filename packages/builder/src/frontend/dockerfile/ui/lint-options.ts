import { findDirective } from '@gantry/dockerfile';
import { prefixed } from '@gantry/rpc';
import { defaultLintOptions, type LintOptions, parseLintOptions } from '../lint/options';
import type { Entry } from './entry';
import type { BuildOptions } from './options';

/** What the client said of the checks, else what the file's `# check=` says. */
export function lintOptionsOf(options: BuildOptions, { text }: Entry): LintOptions {
  if (options.lint !== undefined) return options.lint;
  const directive = findDirective('check', text);
  if (directive === undefined) return defaultLintOptions;
  try {
    return parseLintOptions(directive.word);
  } catch (error) {
    throw prefixed(error, 'failed to parse check options');
  }
}
