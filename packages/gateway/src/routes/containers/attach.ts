import type { AttachResponse } from '@gantry/api/gantry/engine/v1/containers';
import { internal } from '@gantry/rpc';
import { attachMonitor } from '@gantry/rpc/monitor';
import type { Duplex, Transform } from 'node:stream';
import type { EngineClients } from '../../engine/engine';
import { askAgain } from '../../http/again';
import { hasBody, readBody } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { copyTicket } from '../../streams/copy-ticket';
import { parseDetachKeys } from '../../streams/detach-keys';
import { RAW_STREAM, takeOver } from '../../streams/hijack';
import { whenTaken } from '../../streams/hold';
import { closeClient, splice } from '../../streams/splice';

/** How the client's end is made once the engine has registered the attach. */
export interface Acceptance {
  accept(tty: boolean): Duplex;
  /** Something that output goes through on its way; a new one for each use. */
  through?(tty: boolean): Transform | undefined;
}

export const containerAttach: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/attach',
  operation: 'ContainerAttach',
  hijacks: true,
  refusesAs: RAW_STREAM, // dockerd has left JSON behind by then
  async handle(x, engine) {
    if (hasBody(x.request)) await readBody(x); // dockerode repeats its query there; it must not become stdin
    await attach(x, engine, { accept: (tty) => takeOver(x, tty) });
  },
};

/**
 * The client is told that it is attached when the engine has registered it, which may be long before the container runs; its bytes flow when the
 * monitor's socket is known, and the start waits for AttachReady, so the first byte is never lost.
 */
export async function attach(x: Exchange, engine: EngineClients, acceptance: Acceptance): Promise<void> {
  const { query } = x;
  const detachKeys = query.text('detachKeys');
  const keys = parseDetachKeys(detachKeys);
  const wish = {
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    logs: query.flag('logs'),
    stream: query.flag('stream'),
  };
  let client: Duplex | undefined;
  const follow = async (): Promise<void> => {
    const call = engine.containers.attach(x.ctx, { id: x.params['name'] ?? '', ...wish, detachKeys });
    try {
      for await (const message of call) {
        client ??= acceptance.accept(message.tty);
        if (message.logs !== undefined) await copyTicket(message.logs, client, x.ctx.signal, acceptance.through?.(message.tty));
        if (message.socket === '') continue;
        await join(x, engine, { message, client, wish, through: acceptance.through?.(message.tty), keys: message.tty ? keys : undefined });
        break;
      }
    } finally {
      call.cancel();
    }
  };
  try {
    await askAgain(x, engine, follow, () => client === undefined);
    if (client === undefined) throw internal(`attach to ${x.params['name'] ?? ''} ended before it began`);
  } finally {
    if (client !== undefined) closeClient(client);
  }
}

interface Joint {
  readonly message: AttachResponse;
  readonly client: Duplex;
  readonly wish: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly through: Transform | undefined;
  readonly keys: Buffer | undefined;
}

async function join(x: Exchange, engine: EngineClients, { message, client, wish, through, keys }: Joint): Promise<void> {
  const stdin = wish.stdin && message.openStdin;
  const { socket: monitor } = await attachMonitor(message.socket, { ...wish, stdin }, x.ctx.signal);
  const written = engine.outputs.begin(message.containerId);
  const done = splice(client, monitor, {
    stdin,
    beforeEnd: async () => {
      await whenTaken(client); // what is held back for it is not written yet
      written();
    },
    ...(keys === undefined ? {} : { detachKeys: keys }),
    ...(through === undefined ? {} : { through }),
  });
  // only a start that waits needs the word; the bytes do not pass through the engine
  await engine.containers.attachReady(x.ctx, { attachId: message.attachId }).catch((error: unknown) => {
    x.ctx.logger?.debug({ err: error }, 'the engine did not take the word that the client is attached');
  });
  await done.finally(written);
}
