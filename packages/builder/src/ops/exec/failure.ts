import { GantryError, isError, isErrorOf, prefixed, withDetail } from '@gantry/rpc';
import type { Ref } from '../../refs/ref';
import { goQuote } from './go-quote';

/** What a failed step leaves for those who want to look into it. */
export interface ExecFailure {
  readonly exitCode: number;
  /** By mount: what the input was, and what the mount was at the end; undefined for scratch and for mounts without a tree. Held until `release`. */
  readonly inputs: readonly (Ref | undefined)[];
  readonly mounts: readonly (Ref | undefined)[];
  release(): void;
}

const failures = new WeakMap<Error, ExecFailure>();
/** Trees of a failure that everybody forgot. */
const forgotten = new FinalizationRegistry<ExecFailure>((failure) => failure.release());

const incomplete = (args: readonly string[]): string => `process ${goQuote(args.join(' '))} did not complete successfully`;

/** The failure of a process that did not end well, with its trees. */
export function execError(args: readonly string[], failure: ExecFailure): GantryError {
  const { exitCode } = failure;
  const message = `${incomplete(args)}: exit code: ${exitCode}`;
  const error = withExitCode(new GantryError('unknown', message, { meta: { exitCode } }), exitCode);
  failures.set(error, failure);
  forgotten.register(error, failure);
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

/** What a step left, for the error that it failed with or one that this is the cause of. */
export function execFailureOf(thrown: unknown): ExecFailure | undefined {
  for (let error = thrown; isError(error); error = error.cause) {
    const failure = failures.get(error);
    if (failure !== undefined) return failure;
    if (error.cause === error) break;
  }
  return undefined;
}

export const EXIT_MESSAGE_URL = 'github.com/moby/buildkit/gatewayapi.ExitMessage+json';

/** Tells clients the exit code as BuildKit does. */
function withExitCode(error: GantryError, code: number): GantryError {
  return withDetail(error, { typeUrl: EXIT_MESSAGE_URL, value: Buffer.from(JSON.stringify({ Code: code })) });
}
