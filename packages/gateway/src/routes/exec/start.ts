import type { ExecStartResponse } from '@gantry/api/gantry/engine/v1/containers';
import { detached, errorText, internal } from '@gantry/rpc';
import type { Socket } from 'node:net';
import type { Engine } from '../../engine/engine';
import { messageOf, sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Exchange, Route } from '../../http/exchange';
import { type ExecStartBody, execStartBody } from '../../shapes/exec';
import { parseDetachKeys } from '../../streams/detach-keys';
import { frame } from '../../streams/frames';
import { streamType, takeOver } from '../../streams/hijack';
import { attachMonitor } from '../../streams/monitor';
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
  return { id: x.params['name'] ?? '', detach: body.Detach, tty: body.Tty, consoleSize: body.Tty && x.version.atLeast('1.42') ? body.ConsoleSize : [] };
}

async function startDetached(x: Exchange, engine: Engine, body: ExecStartBody): Promise<void> {
  const call = engine.containers.execStart(detached(x.ctx), requestOf(x, body));
  for await (const message of call) if (message.started) break;
  sendEmpty(x, 200);
}

async function startAttached(x: Exchange, engine: Engine, body: ExecStartBody): Promise<void> {
  const call = engine.containers.execStart(x.ctx, requestOf(x, body));
  const messages = call[Symbol.asyncIterator]();
  let client: Socket | undefined;
  try {
    const first = await messages.next();
    if (first.done === true || first.value.socket === '') throw internal(`exec ${x.params['name'] ?? ''} was given no stream`);
    client = await join(x, engine, first.value, messages);
  } finally {
    call.cancel();
    if (client !== undefined) closeClient(client);
  }
}

async function join(x: Exchange, engine: Engine, exec: ExecStartResponse, messages: AsyncIterator<ExecStartResponse>): Promise<Socket> {
  const monitor = await attachMonitor(exec.socket, { op: 'attach', stdin: exec.stdin, stdout: exec.stdout, stderr: exec.stderr }, x.ctx.signal);
  const ended = drain(messages);
  const client = takeOver(x, streamType(exec.tty, x));
  const done = splice(client, monitor, {
    stdin: exec.stdin,
    ...(exec.tty ? { detachKeys: parseDetachKeys(exec.detachKeys) } : {}),
    beforeEnd: () => Promise.race([ended.then(() => undefined), new Promise<void>((resolve) => setTimeout(resolve, EXIT_MS).unref())]),
  });
  // the answer has begun: from here on a failure can only be told as output, which is what dockerd does too
  const ready = engine.containers.execReady(x.ctx, { id: x.params['name'] ?? '' }).then(() => ended);
  const failure = await Promise.race([ready.catch((error: unknown) => error), done]);
  if (failure !== undefined && !x.ctx.signal.aborted) tell(client, failure, exec.tty);
  if (failure !== undefined) monitor.destroy();
  await done;
  return client;
}

/** Reads the rest of the call; resolves with its failure, or undefined when the process has ended in order. */
async function drain(messages: AsyncIterator<ExecStartResponse>): Promise<unknown> {
  try {
    while ((await messages.next()).done !== true);
    return undefined;
  } catch (error) {
    return error;
  }
}

function tell(client: Socket, failure: unknown, tty: boolean): void {
  const text = Buffer.from(`${messageOf(failure) || errorText(failure)}\r\n`);
  client.write(tty ? text : frame(1, text));
}
