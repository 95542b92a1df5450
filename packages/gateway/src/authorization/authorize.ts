import { errorText } from '@gantry/rpc';
import type { Exchange } from '../http/exchange';
import { askedAfter, askedBefore } from './asked';
import type { Authorizer } from './authorizer';
import { HeldAnswer } from './held-answer';
import { peekBody } from './peek';

/**
 * Has plugins allow a request, answers it, and has them allow the answer. A failure is told to them, too, and what they say of it changes nothing, as in
 * dockerd. Errors: those of the plugins, those of the answer.
 */
export async function authorized(
  authorizer: Authorizer | undefined,
  x: Pick<Exchange, 'request' | 'response' | 'upgrade' | 'ctx'>,
  answer: () => Promise<void>,
): Promise<void> {
  if (authorizer === undefined || authorizer.names.length === 0) return answer();
  const before = askedBefore(x.request, await peekBody(x));
  await authorizer.before(before);
  const held = new HeldAnswer(x.response);
  const after = (): Promise<void> => authorizer.after(askedAfter(before, held.told));
  try {
    await answer();
  } catch (error) {
    held.discard();
    await after().catch((refusal: unknown) => x.ctx.logger?.info(`a refusal of a failure: ${errorText(refusal)}`));
    throw error;
  }
  try {
    await after();
  } catch (error) {
    held.discard();
    throw error;
  }
  held.release();
}
