import { mkdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { TaskCreate } from '@gantry/api/containerd/events/events';
import type { CreateTaskRequest } from '@gantry/api/containerd/task/v3/shim';
import { parseJson, type Spec } from '@gantry/oci';
import { asGantryError, type CallContext, errorText, invalidArgument, isGantryError, notImplemented } from '@gantry/rpc';
import type { TaskOptions } from '../drivers/options';
import { readOptions, restoring } from '../drivers/options';
import type { Fields } from '@gantry/native';
import { writeJson } from '../monitor/state-files';
import { layMappedBinds } from '../rootfs/mapped-binds';
import { type TaskParts, runtimeRoot, socketPath, taskDir } from './engine';
import { hostId, mappingsOf } from './host-id';
import { joinShimCgroup } from './shim-cgroup';
import { checkIdentifier, type TaskRecord } from './record';
import { monitorStdio } from './stdio';
import { driverTask, type Task } from './task';
import { undoTask } from './undo';
import { untilGone } from './until-gone';
import { watchedTask } from './watched-task';

/**
 * Makes the task up to "created": rootfs mounted, cgroups and namespaces made, init waiting. Everything is undone when a step fails; what a
 * crash cuts short is undone by the next shim, which knows it by task.json.
 */
export async function createTask(engine: TaskParts, ctx: CallContext, request: CreateTaskRequest): Promise<Task> {
  const namespace = checkIdentifier('namespace', ctx.namespace);
  const id = checkIdentifier('container id', request.id);
  if (!isAbsolute(request.bundle)) throw invalidArgument(`bundle "${request.bundle}" of ${id} is not absolute`);
  if (request.checkpoint !== '' && !isAbsolute(request.checkpoint))
    throw invalidArgument(`checkpoint "${request.checkpoint}" of ${id} is not absolute`);
  if (request.parentCheckpoint !== '')
    throw notImplemented(`parent_checkpoint "${request.parentCheckpoint}" of ${id}: images name their parents themselves`);
  engine.registry.reserve(namespace, id);
  try {
    const asked = await readOptions(request.options, runtimeRoot(engine.run), namespace);
    const options = request.checkpoint === '' ? asked : restoring(asked, runtimeRoot(engine.run), namespace);
    const spec = readSpec(request.bundle);
    const task = await makeTask(engine, ctx, { namespace, request, options, spec });
    engine.registry.add(task);
    engine.publisher.publish(namespace, '/tasks/create', TaskCreate, {
      containerId: id,
      bundle: request.bundle,
      rootfs: request.rootfs,
      io: { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, terminal: request.terminal },
      checkpoint: request.checkpoint,
      pid: task.init.pid,
    });
    return task;
  } catch (error) {
    engine.registry.forget(namespace, id);
    throw error;
  }
}

interface Plan {
  readonly namespace: string;
  readonly request: CreateTaskRequest;
  readonly options: TaskOptions;
  readonly spec: Spec;
}

async function makeTask(engine: TaskParts, ctx: CallContext, { namespace, request, options, spec }: Plan): Promise<Task> {
  const { id, bundle } = request;
  const dir = taskDir(engine.run, namespace, id);
  const driver = engine.drivers[options.driver];
  const uris = { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, terminal: request.terminal };
  const stdio = await monitorStdio(uris, { namespace, id }, options.openStdin, options.stdinOnce);
  const rootfs = request.rootfs.length === 0 ? undefined : join(bundle, 'rootfs');
  const known = {
    namespace,
    id,
    bundle,
    dir,
    rootfs,
    spec,
    terminal: request.terminal,
    options: options.runtime,
    checkpoint: request.checkpoint === '' ? undefined : request.checkpoint,
  };
  const cgroup = driver.cgroup(known);
  const record: TaskRecord = {
    namespace,
    id,
    bundle,
    rootfs,
    cgroup,
    checkpoint: known.checkpoint,
    driver: options.driver,
    runtime: options.runtime,
    shimCgroup: options.shimCgroup,
    stdio: uris,
    socket: stdio.socket ?? socketPath(engine.run, namespace, id),
    bootId: engine.bootId,
  };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeJson(join(dir, 'task.json'), record);

  const task = watchedTask(engine, record, { dir, spec });
  const { init } = task;
  try {
    if (!driver.mapsBinds) await layMappedBinds(engine.rootfs, bundle, spec);
    const [, prepared] = await settled([engine.rootfs.mount(rootfs ?? '', request.rootfs), driver.prepare(driverTask(task))]); // the mount in a thread, beside the rest
    for (const warning of prepared.warnings) engine.logger.warn({ id, namespace }, warning);
    // A mount source that never answers must not hold the caller beyond its deadline; the undo ends the monitor that waits for it.
    await untilGone(ctx, init.create(engine.helper, { ...stdio.fields, ...prepared.fields, ...taskFields(options, task) }));
    await joinShimCgroup(engine, record, dir);
    await init.acknowledge();
    return task;
  } catch (error) {
    const explained = isGantryError(error)
      ? await driver.explain({ dir, verb: known.checkpoint === undefined ? 'create' : 'restore', program: spec.process?.args?.[0] }, error)
      : asGantryError(error);
    await undoTask(engine, task).catch((undo: unknown) => {
      engine.logger.error({ err: undo, id, namespace }, `cannot undo a failed create: ${errorText(undo)}`);
    });
    throw explained;
  }
}

/** Both at once, but neither is left running when the other fails: an undo follows. */
async function settled<A, B>(work: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled(work);
  if (a.status === 'rejected') throw a.reason as Error;
  if (b.status === 'rejected') throw b.reason as Error;
  return [a.value, b.value];
}

function taskFields(options: TaskOptions, task: Task): Fields {
  const { log, width, height, ioOwner } = options;
  const user = task.spec.process?.user;
  const memory = task.record.cgroup?.directories.find((one) => one.controllers.includes('memory'));
  return {
    width: width === 0 ? (task.spec.process?.consoleSize?.width ?? 0) : width,
    height: height === 0 ? (task.spec.process?.consoleSize?.height ?? 0) : height,
    uid: ioOwner?.uid ?? hostId(user?.uid ?? 0, mappingsOf(task.spec, 'uid')),
    gid: ioOwner?.gid ?? hostId(user?.gid ?? 0, mappingsOf(task.spec, 'gid')),
    ...(log === undefined || log.path === ''
      ? {}
      : {
          log: log.path,
          log_max_size: String(log.maxSize),
          log_max_file: log.maxFile,
          log_attrs: Object.keys(log.attrs).length === 0 ? '' : JSON.stringify(log.attrs),
          log_compress: log.compress ? 1 : 0,
          log_passed: log.passed,
          log_waits: log.waits ? 1 : 0,
          log_plain: log.plain ? 1 : 0,
        }),
    ...(memory === undefined ? {} : { oom: memory.directory, oom_version: memory.version }),
  };
}

export function readSpec(bundle: string): Spec {
  const path = join(bundle, 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`cannot read ${path}`, { cause: error });
  }
  try {
    return parseJson(text) as Spec;
  } catch (error) {
    throw invalidArgument(`${path} is not JSON`, { cause: error });
  }
}
