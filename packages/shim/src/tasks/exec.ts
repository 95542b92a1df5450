import { mkdirSync } from 'node:fs';
import { TaskExecAdded } from '@gantry/api/containerd/events/events';
import type { ExecProcessRequest } from '@gantry/api/containerd/task/v3/shim';
import { parseJson, type Process } from '@gantry/oci';
import { alreadyExists, asGantryError, type CallContext, failedPrecondition, internal, invalidArgument, isGantryError } from '@gantry/rpc';
import { startTimeOf, writeJson } from '../monitor/state-files';
import { hostId, mappingsOf } from './host-id';
import { type TaskParts, execDir, socketPath } from './engine';
import { checkIdentifier, type ExecRecord } from './record';
import { joinShimCgroup } from './shim-cgroup';
import { monitorStdio } from './stdio';
import { driverTask, type Task } from './task';
import { endMonitor, removeFlat } from './undo';
import { watchProcess } from './watch';

/**
 * Adds a process to a task; it runs at Start. Its monitor serves its socket from now on, so that clients can attach before. stdin is open
 * when a stdin URI is given, and is closed when the first client leaves. A process that cannot be made is there until it is deleted and is refused by
 * Start, as with containerd's shims; but who would attach to its monitor before is told now. So it is with one that comes after init's end while another
 * exec is being started, for until then containerd's shims have a task run.
 */
export async function addExec(engine: TaskParts, ctx: CallContext, request: ExecProcessRequest): Promise<void> {
  const { id, execId } = request;
  const task = engine.registry.get(ctx.namespace, id);
  checkIdentifier('exec id', execId);
  if (hasEnded(task) && task.starting.size === 0) throw failedPrecondition(`task ${id} is stopped`);
  if (task.paused) throw failedPrecondition(`task ${id} is paused`);
  if (task.execs.has(execId) || adding.has(`${task.dir}/${execId}`)) throw alreadyExists(`exec ${execId} already exists in task ${id}`);
  adding.add(`${task.dir}/${execId}`);
  try {
    await makeExec(engine, task, request);
  } finally {
    adding.delete(`${task.dir}/${execId}`);
  }
  engine.publisher.publish(ctx.namespace, '/tasks/exec-added', TaskExecAdded, { containerId: id, execId });
}

/** Names taken by an Exec that has not finished. */
const adding = new Set<string>();

const hasEnded = ({ init }: Task): boolean => init.status === 'stopped' || init.exitState !== undefined;

async function makeExec(engine: TaskParts, task: Task, request: ExecProcessRequest): Promise<void> {
  const { namespace } = task.record;
  const { id, execId, terminal } = request;
  const process = readProcess(request);
  const uris = { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, terminal };
  const stdio = await monitorStdio(uris, { namespace, id: execId }, request.stdin !== '', true);
  const dir = execDir(task.dir, execId);
  const program = process.args?.[0];
  const record: ExecRecord = {
    execId,
    ...(program === undefined ? {} : { program }),
    stdio: uris,
    socket: stdio.socket ?? socketPath(engine.run, namespace, id, execId),
  };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeJson(`${dir}/exec.json`, record);
  const monitored = watchProcess(engine, {
    namespace,
    id,
    execId,
    dir,
    socket: record.socket,
    remote: task.driver.remote?.(() => driverTask(task), { execId, dir }),
    killAll: async () => undefined,
    ended: () => undefined,
  });
  let late = true;
  try {
    const startTime = hasEnded(task) ? undefined : startTimeOf(task.init.pid);
    if (startTime === undefined) throw failedPrecondition(`task ${id} is stopped`);
    late = false;
    const fields = await task.driver.prepareExec(driverTask(task), {
      execId,
      dir,
      process,
      terminal,
      init: { pid: task.init.pid, startTime: BigInt(startTime) },
    });
    await monitored.create(engine.helper, {
      ...stdio.fields,
      ...fields,
      exec: true,
      width: process.consoleSize?.width ?? 0,
      height: process.consoleSize?.height ?? 0,
      uid: hostId(process.user?.uid ?? 0, mappingsOf(task.spec, 'uid', task.init.pid)),
      gid: hostId(process.user?.gid ?? 0, mappingsOf(task.spec, 'gid', task.init.pid)),
    });
    await joinShimCgroup(engine, task.record, dir);
    await monitored.acknowledge();
  } catch (error) {
    monitored.detach();
    endMonitor(dir);
    const explained =
      isGantryError(error) && !late
        ? await task.driver.explain({ dir, verb: 'exec', program: record.program }, error)
        : asGantryError(error);
    if (stdio.socket !== undefined || (late ? task.starting.size === 0 : explained.meta['launch'] === undefined)) {
      removeFlat(dir);
      throw explained;
    }
    monitored.refuse(explained);
    writeJson(`${dir}/exec.json`, { ...record, refusal: { kind: explained.kind, message: explained.message, meta: explained.meta } });
  }
  task.execs.set(execId, { record, dir, process: monitored });
}

function readProcess(request: ExecProcessRequest): Process {
  if (request.spec === undefined) throw invalidArgument(`exec ${request.execId} has no process spec`);
  let value: unknown;
  try {
    value = parseJson(Buffer.from(request.spec.value).toString('utf8'));
  } catch (error) {
    throw invalidArgument(`process spec of exec ${request.execId} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw internal(`process spec of exec ${request.execId} is no object`);
  return value as Process;
}
