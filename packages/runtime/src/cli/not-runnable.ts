import { isOfProgram, launchCode } from '@gantry/native';
import { isGantryError } from '@gantry/rpc/errors';

/**
 * The kernel refused the program at the last step, execve(2): the container was there. With other runtimes the program itself says so on its
 * stderr by then; so the words stay as they are, without those of a container that could not be made.
 */
export function isNotRunnable(error: unknown): boolean {
  return isGantryError(error) && error.meta['made'] === true && isOfProgram(launchCode(error));
}
