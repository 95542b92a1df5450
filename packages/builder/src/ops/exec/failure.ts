import { GantryError, isError, isErrorOf, prefixed, withDetail } from '@gantry/rpc';
import { type LeftTrees, leftBy } from '../../failure/left-trees';
import { goQuote } from './go-quote';

/** How a process ended that did not end well, and what its step left. */
export interface ExecFailure extends LeftTrees {
  readonly exitCode: number;
}

const codes = new WeakMap<Error, number>();

const incomplete = (args: readonly string[]): string => `process ${goQuote(args.join(' '))} did not complete successfully`;

/** The failure of a process that did not end well. */
export function execError(args: readonly string[], exitCode: number): GantryError {
  const message = `${incomplete(args)}: exit code: ${exitCode}`;
  const error = withExitCode(new GantryError('unknown', message, { meta: { exitCode } }), exitCode);
  codes.set(error, exitCode);
  return error;
}

const notRun = new WeakMap<Error, unknown>();

/** What kept a process from being run at all, told with its words. */
export function couldNotRun(args: readonly string[], cause: unknown): GantryError {
  const error = prefixed(cause, incomplete(args));
  notRun.set(error, cause);
  return error;
}

/** The same failure without the words of its process. */
export function withoutProcess(thrown: unknown): unknown {
  for (let error = thrown; isError(error) && error.cause !== error; error = error.cause) if (notRun.has(error)) return notRun.get(error);
  return thrown;
}

/** Whether the process was there to be run, by a build that goes on, and could not be. */
export const wasNotRun = (thrown: unknown): boolean => !isErrorOf(thrown, 'cancelled') && withoutProcess(thrown) !== thrown;

/** How the process ended, for the error that its step failed with or one that this is the cause of; undefined where none had begun. */
export function execFailureOf(thrown: unknown): ExecFailure | undefined {
  for (let error = thrown; isError(error); error = error.cause) {
    const exitCode = codes.get(error);
    if (exitCode !== undefined) return { exitCode, ...(leftBy(thrown) ?? { inputs: [], mounts: [] }) };
    if (error.cause === error) break;
  }
  return undefined;
}

export const EXIT_MESSAGE_URL = 'github.com/moby/buildkit/gatewayapi.ExitMessage+json';

/** Tells clients the exit code as BuildKit does. */
function withExitCode(error: GantryError, code: number): GantryError {
  return withDetail(error, { typeUrl: EXIT_MESSAGE_URL, value: Buffer.from(JSON.stringify({ Code: code })) });
}
