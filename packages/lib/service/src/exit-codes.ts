import { isGantryError } from '@gantry/rpc/errors';

/** Exit codes of services: 0 stopped in good order, 128+n ended by a second signal n, and these. */
export const FAILED = 1;
/** Wrong command line or configuration. */
export const MISUSED = 2;
/** The state on the disk cannot be used until a person has looked at it. */
export const BROKEN = 3;

export const exitCodeOf = (error: unknown): number => (isGantryError(error) && error.meta['unusable'] === true ? BROKEN : FAILED);

/** Whether starting the service again would only fail again. Also in the units (RestartPreventExitStatus). */
export const isFinal = (code: number | null): boolean => code === MISUSED || code === BROKEN;
