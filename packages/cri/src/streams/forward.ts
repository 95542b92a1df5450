import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, type CallContext, openTicket } from '@gantry/rpc';
import { unknown } from '../failures';
import { requirePod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import { stateOf } from '../sandboxes/status';

/** Milliseconds without a byte from the client after which a connection is over whose pod has closed its side: some clients cannot close theirs. */
const LINGER_MS = 10_000;

/** Carries a connection to a port inside a pod: of the host where the pod has its network. */
export async function runForward(
  needs: Needs,
  ctx: CallContext,
  {
    target,
    connection,
    signal,
  }: {
    readonly target: { readonly podSandboxId: string; readonly port: number };
    readonly connection: Duplex;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const pod = await requirePod(needs, ctx, target.podSandboxId);
  const { ready, pid } = await stateOf(needs, ctx, pod.id);
  if (!ready) throw unknown('sandbox container is not running');
  const { ticket } = await needs.services.cni.openPodPort(ctx, { netnsPath: `/proc/${pid}/ns/net`, port: target.port });
  if (ticket === undefined) throw unknown(`port ${target.port} of sandbox "${pod.id}" was not opened`);
  const stream = await openTicket(ticket, { signal });
  try {
    const up = pipeline(connection, stream);
    const down = pipeline(stream, connection);
    await Promise.all([down, Promise.race([up, down.then(() => silence(connection))])]);
    up.catch(() => undefined); // cut by what follows
  } finally {
    stream.destroy();
  }
}

function silence(connection: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let timer = after(LINGER_MS, resolve, { ref: false });
    const heard = (): void => {
      timer.cancel();
      timer = after(LINGER_MS, resolve, { ref: false });
    };
    connection.on('data', heard).once('close', () => {
      timer.cancel();
      resolve();
    });
  });
}
