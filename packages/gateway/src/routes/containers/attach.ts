import { internal } from '@gantry/rpc';
import type { AttachResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { Socket } from 'node:net';
import type { Engine } from '../../engine/engine';
import { hasBody, readBody } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { parseDetachKeys } from '../../streams/detach-keys';
import { streamType, takeOver } from '../../streams/hijack';
import { copyTicket } from '../../streams/copy-ticket';
import { attachMonitor } from '../../streams/monitor';
import { splice } from '../../streams/splice';

/**
 * The client is told that it is attached when the engine has registered it, which may be long before the container runs; its bytes flow when the
 * monitor's socket is known, and the start waits for AttachReady, so the first byte is never lost.
 */
export const containerAttach: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/attach',
  operation: 'ContainerAttach',
  hijacks: true,
  async handle(x, engine) {
    const { query } = x;
    if (hasBody(x.request)) await readBody(x); // dockerode repeats its query there; it must not become stdin
    const detachKeys = query.text('detachKeys');
    const keys = parseDetachKeys(detachKeys);
    const wish = { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr'), logs: query.flag('logs'), stream: query.flag('stream') };
    const call = engine.containers.attach(x.ctx, { id: x.params['name'] ?? '', ...wish, detachKeys });
    let client: Socket | undefined;
    try {
      for await (const message of call) {
        client ??= takeOver(x, streamType(message.tty, x));
        if (message.logs !== undefined) await copyTicket(message.logs, client, x.ctx.signal);
        if (message.socket === '') continue;
        await join(x, engine, message, client, wish, message.tty ? keys : undefined);
        break;
      }
      if (client === undefined) throw internal(`attach to ${x.params['name'] ?? ''} ended before it began`);
    } finally {
      call.cancel();
      client?.resume();
      client?.destroySoon();
    }
  },
};

type Wish = { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };

async function join(x: Exchange, engine: Engine, message: AttachResponse, client: Socket, wish: Wish, keys: Buffer | undefined): Promise<void> {
  const stdin = wish.stdin && message.openStdin;
  const monitor = await attachMonitor(message.socket, { op: 'attach', stdin, stdout: wish.stdout, stderr: wish.stderr }, x.ctx.signal);
  const done = splice(client, monitor, { stdin, ...(keys === undefined ? {} : { detachKeys: keys }) });
  await engine.containers.attachReady(x.ctx, { attachId: message.attachId });
  await done;
}
