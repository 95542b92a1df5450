import type { CallContext } from '@gantry/rpc';
import type { Core } from '../core';

/** Milliseconds that the network service may take to give a sandbox back. */
const RELEASE_MS = 20_000;

/** Gives a sandbox back to the network service. A failure is logged: reconciliation tries again. */
export async function releaseSandbox(core: Pick<Core, 'network' | 'logger'>, ctx: CallContext, id: string, whose: string): Promise<void> {
  await core.network
    .releaseSandbox(ctx, { sandboxId: id }, { timeoutMs: RELEASE_MS })
    .catch((error: unknown) => core.logger.warn({ err: error, container: id }, `the network of ${whose} was not given back`));
}

/** Gives all endpoints of an ended container back, and lets its face forget them. */
export async function releaseNetwork(core: Pick<Core, 'face' | 'network' | 'logger'>, ctx: CallContext, id: string): Promise<void> {
  const container = core.face.get(id);
  if (container === undefined) return;
  if (container.networked) await releaseSandbox(core, ctx, id, 'an ended container');
  core.face.disconnected(id);
}
