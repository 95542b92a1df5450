import { isGantryError } from '@gantry/rpc/errors';

/**
 * Why a launch failed: what callers choose exit codes and words by. The C program names them (base/failure.h); drivers of other runtimes
 * read them out of what those say.
 */
export const LAUNCH_CODES = [
  'internal',
  /** A path that the launch needs is missing, may not be used, or makes no sense. */
  'not_found',
  'permission',
  'invalid',
  /** The program is missing; may not be executed; is nothing that this kernel executes. */
  'no_program',
  'program_refused',
  'program_broken',
  /** A directory was to be mounted onto a file, or a file onto a directory. */
  'mount_kind',
] as const;

export type LaunchCode = (typeof LAUNCH_CODES)[number];

/** The code in an error's meta (`launch`); undefined when the error is none of a launch. */
export function launchCode(error: unknown): LaunchCode | undefined {
  const code = isGantryError(error) ? error.meta['launch'] : undefined;
  return LAUNCH_CODES.find((known) => known === code);
}

/** The program was reached, or looked for, and could not be executed. */
export function isOfProgram(code: LaunchCode | undefined): boolean {
  return code === 'no_program' || code === 'program_refused' || code === 'program_broken';
}
