import { asGantryError, GantryError, notFound } from '@gantry/rpc';

/**
 * A failure of the shim as containerd's task service tells it: clients put words of their own before these, and read some of them. What a runtime
 * refuses has no code but `unknown` there; what kind it is stays in the error's meta.
 */
export function taskFailure(thrown: unknown, id: string): GantryError {
  const failure = asGantryError(thrown);
  const { kind, message, meta } = failure;
  if (kind === 'notFound' && meta['missing'] === 'task') return notFound(`task ${id} not found`, { cause: failure });
  if (kind === 'notFound') return notFound(`${message}: not found`, { cause: failure });
  return meta['launch'] === undefined ? failure : new GantryError('unknown', message, { cause: failure, meta });
}

/** The same of a task that could not be made. */
export function createFailure(thrown: unknown, id: string): GantryError {
  const failure = taskFailure(thrown, id);
  return new GantryError(failure.kind, `failed to create shim task: ${failure.message}`, { cause: failure, meta: failure.meta });
}
