import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type LaunchCode, launchCode } from '@gantry/native';
import { OCI_PROCESS_TYPE_URL, packJson } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import {
  type ExecCreateRequest,
  type ExecCreateResponse,
  type ExecInspectRequest,
  type ExecReadyRequest,
  type ExecReadyResponse,
  type ExecResizeRequest,
  type ExecResizeResponse,
  ExecStartResponse,
  type ExecStartRequest,
} from '@gantry/api/gantry/engine/v1/containers';
import { ExecInspectResponse } from '@gantry/api/gantry/engine/v1/types';
import {
  asGantryError,
  type CallContext,
  conflict,
  derive,
  detached,
  GantryError,
  ignore,
  invalidArgument,
  isErrorOf,
  newContext,
  notFound,
} from '@gantry/rpc';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import { monitorSocket } from '../../core/places';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { execProcess, execUser } from './process';
import { endsWithClient, labelledEnd } from './end-with-client';
import type { Exec } from './table';

type Needs = Uses<{
  looks: 'look';
  settings: 'runRoot';
  records: 'dockerNamespace' | 'getDocker' | 'requireDocker' | 'updateDocker';
  tasks: 'delete' | 'exec' | 'resizePty' | 'start' | 'state';
  events: 'emit';
  execs: 'add' | 'changed' | 'containerGone' | 'exited' | 'find' | 'gates' | 'list' | 'onExit' | 'takeEarly';
  logger: 'warn';
}>;

/** Milliseconds that a start waits for its client to be connected. */
const READY_MS = 2000;
/** Milliseconds that an inspect waits for the word on a process that has ended. */
const END_MS = 2000;

/** POST /containers/{id}/exec. */
export async function createExec(engine: Needs, _ctx: CallContext, request: ExecCreateRequest): Promise<ExecCreateResponse> {
  const { id: containerId, docker } = engine.records.requireDocker(request.containerId);
  checkRunning(engine, containerId, request.containerId);
  if (request.cmd.length === 0) throw invalidArgument('No exec command specified');
  for (const entry of request.env)
    if (entry.startsWith('=') || entry === '') throw invalidArgument(`invalid environment variable: ${entry}`);
  labelledEnd(docker);
  if (request.user !== '') await execUser(engine, docker, request.user);
  const exec: Exec = {
    id: randomBytes(32).toString('hex'),
    containerId,
    args: request.cmd,
    user: request.user,
    privileged: request.privileged,
    env: request.env,
    workingDir: request.workingDir,
    tty: request.tty,
    attachStdin: request.attachStdin,
    attachStdout: request.attachStdout,
    attachStderr: request.attachStderr,
    detachKeys: request.detachKeys,
    consoleSize: request.consoleSize,
    endWithClient: request.endWithClient,
    state: 'created',
    pid: 0,
    exitCode: undefined,
  };
  engine.execs.add(exec);
  emitContainerEvent(engine, containerId, docker, `exec_create: ${shownCommand(exec.args)}`, { execID: exec.id });
  return { id: exec.id };
}

/** `asked` is how the caller named it. */
function checkRunning(engine: Needs, containerId: string, asked = containerId): void {
  const { docker } = engine.records.requireDocker(containerId);
  if (phaseOf(docker) === Phase.PHASE_PAUSED) throw conflict(`Container ${asked} is paused, unpause the container before exec`);
  if (phaseOf(docker) === Phase.PHASE_RESTARTING)
    throw conflict(`Container ${containerId} is restarting, wait until the container is running`);
  if (!isRunning(docker)) throw conflict(`container ${containerId} is not running`);
}

export function requireExec(engine: Uses<{ execs: 'find' }>, id: string): Exec {
  const exec = engine.execs.find(id);
  if (exec === undefined) throw notFound(`No such exec instance: ${id}`);
  return exec;
}

/** POST /exec/{id}/start: detached at once; else the socket first, the process on ExecReady. Ends when the process is started, or with its end when attached. */
export async function* startExec(engine: Needs, caller: CallContext, request: ExecStartRequest): AsyncGenerator<ExecStartResponse> {
  const exec = requireExec(engine, request.id);
  checkRunning(engine, exec.containerId);
  if (exec.state !== 'created') {
    const what = exec.state === 'exited' ? 'has already run' : 'is already running';
    throw conflict(`exec command ${exec.id} ${what}`, { meta: { execState: exec.state } });
  }
  const hold = endsWithClient(exec, engine.records.requireDocker(exec.containerId).docker, request.detach);
  if (request.consoleSize.length === 2) exec.consoleSize = request.consoleSize;
  exec.state = 'starting';
  engine.execs.changed(exec); // the next process would take it for one that may still be started
  const ctx = detached(inDockerNamespace(engine, caller));
  const base = ExecStartResponse.create({
    tty: exec.tty,
    stdin: exec.attachStdin && !request.detach,
    stdout: exec.attachStdout,
    stderr: exec.attachStderr,
    detachKeys: exec.detachKeys,
    hold,
  });
  try {
    const socket = await addProcess(engine, ctx, exec, request.detach);
    if (!request.detach) {
      const gate = { ready: Promise.withResolvers<void>() };
      engine.execs.gates.set(exec.id, gate);
      const abort = (): void => gate.ready.resolve();
      caller.signal.addEventListener('abort', abort, { once: true });
      const timer = setTimeout(gate.ready.resolve, READY_MS);
      yield { ...base, socket };
      await gate.ready.promise;
      clearTimeout(timer);
      caller.signal.removeEventListener('abort', abort);
      engine.execs.gates.delete(exec.id);
    }
    await run(engine, ctx, exec);
  } catch (thrown) {
    throw failedToStart(engine, ctx, exec, thrown);
  }
  yield { ...base, started: true };
  if (!request.detach) await endOf(engine, exec, caller.signal);
}

/** Resolves at the exec's end, or when the caller goes. */
async function endOf(engine: Needs, exec: Exec, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const stop = engine.execs.onExit(exec.id, () => over.resolve());
  signal.addEventListener('abort', () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  await over.promise;
  stop();
}

async function addProcess(engine: Needs, ctx: CallContext, exec: Exec, detach: boolean): Promise<string> {
  const { docker } = engine.records.requireDocker(exec.containerId);
  const socket = monitorSocket(engine, exec.id);
  const uri = `monitor://${socket}`;
  const process = await execProcess(engine, exec.containerId, docker, exec);
  await engine.tasks.exec(ctx, {
    id: exec.containerId,
    execId: exec.id,
    terminal: exec.tty,
    stdin: exec.attachStdin && !detach ? uri : '',
    stdout: uri,
    stderr: exec.tty ? '' : uri,
    spec: packJson(OCI_PROCESS_TYPE_URL, process),
  });
  return socket;
}

async function run(engine: Needs, ctx: CallContext, exec: Exec): Promise<void> {
  const { pid } = await engine.tasks.start(ctx, { id: exec.containerId, execId: exec.id });
  const { docker } = engine.records.requireDocker(exec.containerId);
  emitContainerEvent(engine, exec.containerId, docker, `exec_start: ${shownCommand(exec.args)}`, { execID: exec.id });
  if (exec.state !== 'starting') return;
  exec.state = 'running';
  exec.pid = pid;
  engine.execs.changed(exec);
  const early = engine.execs.takeEarly(exec.id);
  if (early !== undefined) engine.execs.exited(exec.containerId, exec.id, early);
}

/** The two halves of an exec's start, for callers that connect in between (health checks). */
export const requestProcess = {
  add: (engine: Needs, ctx: CallContext, exec: Exec): Promise<string> => addProcess(engine, ctx, exec, false),
  start: run,
};

/** Exit codes by the code of a launch; of others 126, and the error's own kind. */
const answers: Partial<Record<LaunchCode, number>> = { no_program: 127, not_found: 127, program_refused: 126, permission: 126 };

/** Docker's words and exit codes for a command that cannot be executed. */
function failedToStart(engine: Needs, ctx: CallContext, exec: Exec, thrown: unknown): GantryError {
  const failure = asGantryError(thrown);
  const code = launchCode(failure);
  const known = code === undefined ? undefined : answers[code];
  const exitCode = known ?? 126;
  exec.state = 'running';
  engine.execs.exited(exec.containerId, exec.id, exitCode);
  void engine.tasks.delete(ctx, { id: exec.containerId, execId: exec.id }).catch(() => undefined);
  const meta = { exitCode, execState: exec.state };
  if (code === undefined) return new GantryError(failure.kind, failure.message, { cause: thrown, meta: { ...failure.meta, ...meta } });
  const { reason } = failure.meta;
  const told = typeof reason === 'string' ? reason : `exec failed: unable to start container process: ${failure.message}`;
  const kind = known === undefined ? failure.kind : 'invalidArgument';
  return new GantryError(kind, `OCI runtime exec failed: ${told}: unknown`, { cause: thrown, meta });
}

/** The client of an attached start is connected to the monitor. */
export async function execReady(engine: Needs, _ctx: CallContext, { id }: ExecReadyRequest): Promise<ExecReadyResponse> {
  const exec = requireExec(engine, id);
  const gate = engine.execs.gates.get(exec.id);
  if (gate === undefined) {
    if (exec.state === 'created') throw conflict(`exec ${id} was not asked to start`);
    return {};
  }
  gate.ready.resolve();
  return {};
}

export async function inspectExec(engine: Needs, _ctx: CallContext, { id }: ExecInspectRequest): Promise<ExecInspectResponse> {
  const exec = requireExec(engine, id);
  if (exec.state === 'running' && hasEnded(exec.pid)) await endOf(engine, exec, AbortSignal.timeout(END_MS));
  const [entrypoint = '', ...args] = exec.args;
  return ExecInspectResponse.create({
    CanRemove: false,
    ContainerID: exec.containerId,
    DetachKeys: exec.detachKeys,
    ID: exec.id,
    OpenStderr: exec.attachStderr,
    OpenStdin: exec.attachStdin,
    OpenStdout: exec.attachStdout,
    Pid: BigInt(exec.pid),
    Running: exec.state === 'running',
    ...(exec.exitCode === undefined ? {} : { ExitCode: BigInt(exec.exitCode) }),
    ProcessConfig: { tty: exec.tty, entrypoint, arguments: args, privileged: exec.privileged, user: exec.user },
  });
}

/** The process is gone or a zombie: the shim's word is on its way. A client asks for the exit code as soon as the output ends. */
function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^\) [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
  } catch {
    return true;
  }
}

export async function resizeExec(
  engine: Needs,
  caller: CallContext,
  { id, height, width }: ExecResizeRequest,
): Promise<ExecResizeResponse> {
  const exec = requireExec(engine, id);
  if (exec.state === 'created' || exec.state === 'exited') throw conflict(`exec ${id} is not running`);
  await engine.tasks.resizePty(inDockerNamespace(engine, caller), { id: exec.containerId, execId: exec.id, width, height });
  return {};
}

/** After a restart of this process: which execs of the living ended meanwhile. */
export async function reconcileExecs(engine: Needs): Promise<void> {
  const ctx = derive(newContext(), { namespace: engine.records.dockerNamespace });
  for (const exec of engine.execs.list()) {
    if (exec.state === 'exited') continue;
    const record = engine.records.getDocker(exec.containerId);
    if (record === undefined) {
      engine.execs.containerGone(exec.containerId);
      continue;
    }
    if (exec.state === 'created') continue;
    exec.state = 'running';
    const state = await engine.tasks.state(ctx, { id: exec.containerId, execId: exec.id }).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    });
    // One that was made and not started has lost who was to start it.
    if (state === undefined || state.status === Status.STOPPED || state.status === Status.CREATED)
      engine.execs.exited(exec.containerId, exec.id, state?.exitStatus ?? 255);
    else exec.pid = state.pid;
  }
}

/** What follows from the end of an exec: docker's event, and the shim forgets the process. */
export function execEnded(engine: Needs, exec: Exec): void {
  const record = engine.records.getDocker(exec.containerId);
  if (record === undefined) return;
  emitContainerEvent(engine, exec.containerId, record.docker, 'exec_die', { execID: exec.id, exitCode: String(exec.exitCode ?? 0) });
  const ctx = newContext({ namespace: engine.records.dockerNamespace });
  void engine.tasks
    .delete(ctx, { id: exec.containerId, execId: exec.id })
    .catch(ignore('notFound', 'failedPrecondition'))
    .catch((error: unknown) => {
      engine.logger.warn({ err: error, exec: exec.id }, 'an ended exec could not be deleted');
    });
}

/** docker puts a space after the program even when no arguments follow: filters compare the whole text. */
function shownCommand([program = '', ...args]: readonly string[]): string {
  return `${program} ${args.join(' ')}`;
}
