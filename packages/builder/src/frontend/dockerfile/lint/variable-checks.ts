import { type Lines, suggestion } from '@gantry/dockerfile';
import type { StageState } from '../convert/state';
import type { Linter } from './linter';

/** Arguments that steer the scan of results and are never in the environment. */
export const SCAN_ARGS = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'];

/** A variable that is used was declared: by ENV, by ARG, or by the base image. */
export function checkVariables(linter: Linter, { buildArgs, env }: StageState, lines: Lines, unset: ReadonlySet<string>): void {
  for (const name of unset) {
    if (buildArgs.some(({ key }) => key === name) || SCAN_ARGS.includes(name)) continue;
    const meant = suggestion(name, env.keys());
    const hint = meant === undefined ? '' : ` (did you mean $${meant}?)`;
    linter.report('UndefinedVar', lines, `Usage of undefined variable '$${name}'${hint}`);
  }
}
