import { type CallContext, detached, type Logger, asGantryError, withDeadline } from '@gantry/rpc';

/** Milliseconds that undoing a step may take: a service that does not answer must not hold the caller, who waits for the error. */
const UNDO_MS = 60_000;

/**
 * One step of an operation. `undo` must do nothing when `run` never ran or did half: recovery undoes all steps of an operation that
 * was cut short, without knowing how far it came.
 */
export interface Step<Input> {
  readonly name: string;
  run(ctx: CallContext, input: Input): Promise<void>;
  undo?(ctx: CallContext, input: Input): Promise<void>;
}

/** Why steps were not done. */
export interface StepsFailure {
  readonly error: Error;
  /** Nothing is left of them. False: an undo failed, and what it was to give back is still held. */
  readonly undone: boolean;
}

/** Runs the steps in order; when one throws, undoes it and those before it in reverse order, and answers its error. */
export async function runSteps<Input>(
  ctx: CallContext,
  steps: readonly Step<Input>[],
  input: Input,
  logger: Logger,
): Promise<StepsFailure | undefined> {
  for (const [index, step] of steps.entries()) {
    try {
      await step.run(ctx, input);
    } catch (error) {
      const failures = await undoSteps(ctx, steps.slice(0, index + 1), input, logger);
      return { error: asGantryError(error), undone: failures.length === 0 };
    }
  }
  return undefined;
}

/** Undoes all steps in reverse order. A failing undo is logged and does not stop the others; answers what failed. */
export async function undoSteps<Input>(ctx: CallContext, steps: readonly Step<Input>[], input: Input, logger: Logger): Promise<Error[]> {
  const failures: Error[] = [];
  for (const step of [...steps].reverse()) {
    try {
      await step.undo?.(withDeadline(detached(ctx), UNDO_MS), input);
    } catch (error) {
      failures.push(asGantryError(error));
      logger.warn({ err: error, step: step.name }, 'undoing a step failed');
    }
  }
  return failures;
}
