import { packAny } from '@gantry/api';
import { StepContainerChanged } from '@gantry/api/gantry/build/v1/build';
import { type CallContext, newContext, withDeadline } from '@gantry/rpc';
import type { Services } from '../worker/services';
import type { ClassicOutput } from './classic-output';

/** Nobody waits longer for it, milliseconds. */
const TELL_MS = 5000;

type Tell = NonNullable<ConstructorParameters<typeof ClassicOutput>[3]>;

/** Tells docker's clients of the containers of a classic build's steps, of the end of one that was cut off, too. */
export function tellStep({ events, inStore }: Pick<Services, 'events' | 'inStore'>, { logger }: CallContext): Tell {
  return async (id, action, exitCode) => {
    const ctx = inStore(withDeadline(newContext(logger === undefined ? {} : { logger }), TELL_MS));
    await events.publish(ctx, { topic: '/builder/container', event: packAny(StepContainerChanged, { id, action, exitCode }) });
  };
}
