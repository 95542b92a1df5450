import type { ExecStartResponse } from '@gantry/api/gantry/engine/v1/containers';
import { detached, internal, isGantryError } from '@gantry/rpc';
import { attachMonitor } from '@gantry/rpc/monitor';
import type { Socket } from 'node:net';
import { type ExecStartBody, execStartBody } from '@gantry/docker-api';
import type { EngineClients } from '../../engine/engine';
import { messageOf, sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { parseDetachKeys } from '../../streams/detach-keys';
import { Deframer, frame, Framer } from '../../streams/frames';
import { takeOver } from '../../streams/hijack';
import { closeClient, splice } from '../../streams/splice';

/** Longest wait for the exit code to be recorded after the last byte of output, milliseconds: clients ask for it right after. */
const EXIT_MS = 2000;

export const execStart: Route = {
  method: 'POST',
  path: '/exec/{name:.*}/start',
  operation: 'ExecStart',
  hijacks: true,
  async handle(x, engine) {
    const body = (await readJson(x, execStartBody)) ?? execStartBody.zero();
    if (body.Detach) await startDetached(x, engine, body);
    else await startAttached(x, engine, body);
  },
};

function requestOf(x: Exchange, body: ExecStartBody): { id: string; detach: boolean; tty: boolean; consoleSize: number[] } {
  return {
    id: x.params['name'] ?? '',
    detach: body.Detach,
    tty: body.Tty,
    consoleSize: body.Tty && x.version.atLeast('1.42') ? body.ConsoleSize : [],
  };
}

async function startDetached(x: Exchange, engine: EngineClients, body: ExecStartBody): Promise<void> {
  const call = engine.containers.execStart(detached(x.ctx), requestOf(x, body));
  for await (const message of call) if (message.started) break;
  sendEmpty(x, 200);
}

async function startAttached(x: Exchange, engine: EngineClients, body: ExecStartBody): Promise<void> {
  const call = engine.containers.execStart(x.ctx, requestOf(x, body));
  const messages = call[Symbol.asyncIterator]();
  let client: Socket | undefined;
  try {
    const first = await messages.next().catch((error: unknown) => {
      // once the exec and its container are there, what is wrong is the exec's own output, as in dockerd; the client asks for the code afterwards
      if (!isGantryError(error) || error.meta['execState'] === undefined) throw error;
      client = takeOver(x, body.Tty);
      tell(client, error, body.Tty);
      return undefined;
    });
    if (first === undefined) return;
    if (first.done === true || first.value.socket === '') throw internal(`exec ${x.params['name'] ?? ''} was given no stream`);
    client = await join(x, engine, { exec: first.value, framed: !body.Tty, messages });
  } finally {
    call.cancel();
    if (client !== undefined) closeClient(client);
  }
}

interface Joint {
  readonly exec: ExecStartResponse;
  /** The client's wish in this call, as in dockerd; it may differ from what the exec was created with. */
  readonly framed: boolean;
  readonly messages: AsyncIterator<ExecStartResponse>;
}

async function join(x: Exchange, engine: EngineClients, { exec, framed, messages }: Joint): Promise<Socket> {
  const { socket: monitor } = await attachMonitor(exec.socket, exec, x.ctx.signal);
  const outcome = follow(messages);
  const client = takeOver(x, !framed);
  const through = framed === !exec.tty ? undefined : framed ? new Framer() : new Deframer();
  const done = splice(client, monitor, {
    stdin: exec.stdin,
    ...(through === undefined ? {} : { through }),
    ...(exec.tty ? { detachKeys: parseDetachKeys(exec.detachKeys) } : {}),
    async beforeEnd() {
      const failure = await Promise.race([
        outcome,
        new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), EXIT_MS).unref()),
      ]);
      if (failure !== undefined && !x.ctx.signal.aborted) tell(client, failure, !framed);
    },
  });
  void outcome.then((failure) => {
    if (failure !== undefined) monitor.destroy();
  });
  await engine.containers.execReady(x.ctx, { id: x.params['name'] ?? '' }).catch((error: unknown) => {
    x.ctx.logger?.debug({ err: error }, 'the engine did not take the word that the exec is attached');
  });
  await done;
  return client;
}

/**
 * Reads the rest of the call. Resolves with the failure of the start, which can only be told as output now that the answer has begun; and with
 * undefined at the process's end. When the call breaks under a running process the stream goes on: it does not pass through the engine.
 */
async function follow(messages: AsyncIterator<ExecStartResponse>): Promise<Error | undefined> {
  let started = false;
  try {
    for (let step = await messages.next(); step.done !== true; step = await messages.next()) started ||= step.value.started;
  } catch (error) {
    if (!started) return error instanceof Error ? error : new Error(String(error));
  }
  return undefined;
}

function tell(client: Socket, failure: Error, tty: boolean): void {
  const text = Buffer.from(`${messageOf(failure)}\r\n`);
  client.write(tty ? text : frame(1, text));
}
