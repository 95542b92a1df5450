import { type CallContext, shortSocketPath } from '@gantry/rpc';
import { attachMonitor } from '@gantry/rpc/monitor';
import type { AttachRequest, ProcessStreams } from '@gantry/streaming';
import type { Needs } from '../sandboxes/needs';
import { carryOutput } from './output';
import { followSizes } from './resize';
import { requireRunning } from './running';

/** Connects a client to a container's first process until that ends, or the client goes. Input's end is the monitor's to pass on (stdin_once). */
export async function runAttach(
  needs: Needs,
  ctx: CallContext,
  { request, streams, signal }: { readonly request: AttachRequest; readonly streams: ProcessStreams; readonly signal: AbortSignal },
): Promise<void> {
  const { id, config } = await requireRunning(needs, ctx, request.containerId);
  const { stdout, stderr } = request;
  const { socket, tty } = await attachMonitor(shortSocketPath(needs.roots.run, id), {
    stdin: request.stdin && config.stdin,
    stdout,
    stderr,
  });
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  if (tty) void followSizes(needs, ctx, { containerId: id, execId: '' }, streams.resizes);
  if (config.stdin) streams.stdin?.pipe(socket);
  else streams.stdin?.resume();
  try {
    await carryOutput(socket, tty, streams);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}
