import type { TaskService } from '@gantry/api/containerd/task/v3/shim';
import { GantryError, type Handlers, isGantryError } from '@gantry/rpc';

type Tasks = Handlers<typeof TaskService>;

/**
 * A runtime's refusal as containerd's own shims tell it: words, and no code. Of one with a code, dockerd would show the code's name and take its own
 * view of whose fault it is.
 */
export function withoutKinds(handlers: Tasks): Tasks {
  return {
    ...handlers,
    create: (ctx, request) => handlers.create(ctx, request).catch(tellRefusal),
    start: (ctx, request) => handlers.start(ctx, request).catch(tellRefusal),
    exec: (ctx, request) => handlers.exec(ctx, request).catch(tellRefusal),
  };
}

function tellRefusal(error: unknown): never {
  if (!isGantryError(error) || error.meta['launch'] === undefined) throw error;
  throw new GantryError('unknown', error.message, { cause: error, meta: error.meta });
}
