import type { CallContext } from '@gantry/rpc';
import type { Core } from '../core';
import { patiently } from '../patience';
import { isRunning, Phase, phaseOf } from '../phases';

/** Milliseconds that the network service may take to give a sandbox back. */
const RELEASE_MS = 20_000;

type Needs = Pick<Core, 'face' | 'logger' | 'persistence'> & { readonly network: Pick<Core['network'], 'releaseSandbox'> };

/** Gives a sandbox back to the network service. What fails is logged and tried again, unless the container runs again by then. */
export async function releaseSandbox(core: Needs, ctx: CallContext, id: string, whose: string): Promise<void> {
  const release = (): Promise<unknown> => core.network.releaseSandbox(ctx, { sandboxId: id }, { timeoutMs: RELEASE_MS });
  try {
    await patiently(release);
  } catch (error) {
    core.logger.warn({ err: error, container: id }, `the network of ${whose} was not given back`);
    core.persistence.until(id, 'giving a network back', async () => {
      const container = core.face.get(id);
      if (container === undefined || !(isRunning(container) || phaseOf(container) === Phase.PHASE_STARTING)) await release();
    });
  }
}

/** Gives all endpoints of an ended container back, and lets its face forget them. */
export async function releaseNetwork(core: Needs, ctx: CallContext, id: string): Promise<void> {
  const container = core.face.get(id);
  if (container === undefined) return;
  if (container.networked) await releaseSandbox(core, ctx, id, 'an ended container');
  core.face.disconnected(id);
}
