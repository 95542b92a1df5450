import type { RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Handlers } from '@gantry/rpc';
import type { StreamingServer } from '@gantry/streaming';
import { requireContainer } from '../containers/find';
import { unknown } from '../failures';
import { requirePod } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import { requireRunning } from './running';

/** What kubelet asks an address for. It works once, and for a minute. */
export function streamHandlers(
  needs: Needs,
  server: Pick<StreamingServer, 'exec' | 'attach' | 'portForward'>,
): Partial<Handlers<typeof RuntimeServiceService>> {
  return {
    async exec(ctx, { containerId, cmd: command, tty, stdin, stdout, stderr }) {
      const { id } = await requireRunning(needs, ctx, containerId);
      if (command.length === 0) throw unknown('failed to start exec: args must not be empty');
      return { url: server.exec({ containerId: id, command, tty, stdin, stdout, stderr }) };
    },
    async attach(ctx, { containerId, tty, stdin, stdout, stderr }) {
      const { id } = await requireContainer(needs, ctx, containerId);
      return { url: server.attach({ containerId: id, tty, stdin, stdout, stderr }) };
    },
    async portForward(ctx, { podSandboxId, port: ports }) {
      const { id } = await requirePod(needs, ctx, podSandboxId);
      return { url: server.portForward({ podSandboxId: id, ports }) };
    },
  };
}
