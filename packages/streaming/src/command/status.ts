import { errorText } from '@gantry/rpc';

/** How a command ended: its exit code, or why there is none. */
export type Outcome = { readonly exitCode: number } | { readonly failure: string };

/** The words of the API for it (meta/v1 Status), without what is empty. */
export function statusOf(outcome: Outcome, command: readonly string[]): object {
  if ('failure' in outcome) {
    return {
      metadata: {},
      status: 'Failure',
      message: `Internal error occurred: ${outcome.failure}`,
      reason: 'InternalError',
      details: { causes: [{ message: outcome.failure }] },
      code: 500,
    };
  }
  if (outcome.exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: exitText(outcome.exitCode, command),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(outcome.exitCode) }] },
  };
}

/** What the error stream says of it before version 4: nothing when all went well. */
export function textOf(outcome: Outcome, command: readonly string[]): string {
  if ('failure' in outcome) return `Internal error occurred: ${outcome.failure}`;
  return outcome.exitCode === 0 ? '' : exitText(outcome.exitCode, command);
}

const exitText = (exitCode: number, command: readonly string[]): string =>
  `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${exitCode}`;

export const failed = (words: string, error: unknown): Outcome => ({ failure: `${words}: ${errorText(error)}` });
