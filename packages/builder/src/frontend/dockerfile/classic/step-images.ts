import type { CallContext } from '@gantry/rpc';
import type { SessionGroup } from '../../../session/session';
import type { Outcome } from '../../frontend';

export interface StepImage {
  readonly outcome: Outcome;
  /** The configuration as JSON. */
  readonly config: Buffer;
  /** Id of the image that it was made from; none for scratch. */
  readonly parent: string;
  readonly sessions: SessionGroup;
}

/** Images behind the steps, in the store: the ids that a build tells can be run and inspected. */
export interface StepImages {
  /** Makes an image without a name; resolves with its id. The same is the same image. */
  keep(ctx: CallContext, image: StepImage): Promise<string>;
  /** Whether an image of a step is still there. */
  has(ctx: CallContext, id: string): Promise<boolean>;
}
