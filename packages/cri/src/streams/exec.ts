import { randomBytes } from 'node:crypto';
import { OCI_PROCESS_TYPE_URL, packJson } from '@gantry/api';
import type { Spec } from '@gantry/oci';
import { type CallContext, cancelled, errorText, isErrorOf, prefixed, shortSocketPath } from '@gantry/rpc';
import { attachMonitor } from '@gantry/rpc/monitor';
import type { ExecRequest, ProcessStreams } from '@gantry/streaming';
import { specOf } from '../containers/record';
import type { Needs } from '../sandboxes/needs';
import { carryOutput } from './output';
import { followSizes } from './resize';
import { requireRunning } from './running';

/** Runs a command whose streams are a client's; its exit code. A client that goes away closes its input and no more: the command goes on. */
export async function runExec(
  needs: Needs,
  ctx: CallContext,
  { request, streams, signal }: { readonly request: ExecRequest; readonly streams: ProcessStreams; readonly signal: AbortSignal },
): Promise<number> {
  const { tasks } = needs.services;
  const container = await requireRunning(needs, ctx, request.containerId);
  const { tty } = request;
  const named = { containerId: container.id, execId: randomBytes(16).toString('hex') };
  const spec = specOf(container);
  const path = shortSocketPath(needs.roots.run, named.execId);
  const uri = `monitor://${path}`;
  const failed = (error: unknown): Promise<never> => Promise.reject(prefixed(error, `failed to start exec "${named.execId}"`, 'unknown'));
  await tasks
    .exec(ctx, {
      ...named,
      terminal: tty,
      stdin: request.stdin ? uri : '',
      stdout: uri,
      stderr: tty ? '' : uri,
      spec: packJson(OCI_PROCESS_TYPE_URL, { ...spec.process, terminal: tty, args: request.command, env: environment(spec, tty) }),
    })
    .catch(failed);
  const forget = (): Promise<void> => forgotten(needs, ctx, named);
  let ended: Promise<number>;
  try {
    // Before it runs: not a byte is lost.
    const { socket } = await attachMonitor(path, request);
    await tasks.start(ctx, named).catch((error: unknown) => {
      socket.destroy();
      return failed(error);
    });
    const exit = tasks.wait(ctx, named);
    void followSizes(needs, ctx, named, streams.resizes);
    streams.stdin?.pipe(socket);
    const said = carryOutput(socket, tty, streams).catch(() => undefined); // a monitor that dies has said all
    const leave = (): void => void socket.destroy();
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    ended = Promise.all([exit, said]).then(([{ exitStatus }]) => exitStatus);
  } catch (error) {
    await forget();
    throw error;
  }
  const done = ended.finally(forget);
  done.catch(() => undefined); // a client that is gone does not hear of it
  return Promise.race([done, gone(signal)]);
}

/** What a shell needs of a terminal, as runtimes give it to the first process. */
function environment(spec: Spec, tty: boolean): readonly string[] {
  const given = spec.process?.env ?? [];
  return tty && !given.some((entry) => entry.startsWith('TERM=')) ? [...given, 'TERM=xterm'] : given;
}

function gone(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const tell = (): void => reject(cancelled('the client is gone'));
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
}

async function forgotten({ services, logger }: Needs, ctx: CallContext, named: { containerId: string; execId: string }): Promise<void> {
  await services.tasks.deleteProcess(ctx, named).catch((error: unknown) => {
    if (!isErrorOf(error, 'notFound')) logger.warn({ err: error, ...named }, `an exec is not taken away: ${errorText(error)}`);
  });
}
