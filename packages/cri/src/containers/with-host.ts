import { type CallContext, errorText, pause } from '@gantry/rpc';
import { GONE_MS, HOST_GRACE_MS } from '@gantry/service';
import type { Needs } from '../sandboxes/needs';
import { listContainers } from './find';
import type { Contained } from './record';
import { stopContainer } from './stop';

/** How long a container is waited for. */
export interface Patience {
  readonly graceMs: number;
  /** From SIGKILL on. */
  readonly goneMs: number;
}

const HOST: Patience = { graceMs: HOST_GRACE_MS, goneMs: GONE_MS };

/**
 * Ends all containers of pods with the host, at once and each with its own signal, and writes down how they ended. What a monitor notes of an end lies in
 * memory that the host loses: kubelet would be told that all of them ended in a way that nobody knows.
 */
export async function stopWithHost(needs: Needs, ctx: CallContext, { graceMs, goneMs }: Patience = HOST): Promise<void> {
  const over = new AbortController();
  const late = pause(graceMs + goneMs, { signal: over.signal });
  const stop = (container: Contained): Promise<void> =>
    stopContainer(needs, ctx, container, graceMs / 1000).catch((error: unknown) =>
      needs.logger.warn({ err: error, container: container.id }, `a container could not be stopped with the host: ${errorText(error)}`),
    );
  const lasting = (await listContainers(needs, ctx)).filter(({ facts }) => facts.startedAt !== '' && facts.ended === undefined);
  await Promise.race([Promise.all(lasting.map(stop)), late]);
  over.abort();
}
