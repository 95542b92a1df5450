import { promises as fs } from 'node:fs';
import { OCI_SPEC_TYPE_URL, packAny, packJson } from '@gantry/api';
import type { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import type { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { hasCode, MNT, mountPointsBelow, MS, readMountInfo, syscalls } from '@gantry/linux';
import { type CallContext, errorText, GantryError, type Handlers, ignore, isErrorOf, pause } from '@gantry/rpc';
import { deviceOf } from '@gantry/spec';
import type { PluginFolders } from './places';
import type { PluginRecord } from './record';
import { pluginSpec } from './spec';

/** containerd's containers and tasks, as this process serves them. */
export interface ContainerdFace {
  readonly containers: Pick<Handlers<typeof ContainersService>, 'create' | 'delete'>;
  readonly tasks: Pick<Handlers<typeof TasksService>, 'create' | 'start' | 'get' | 'kill' | 'wait' | 'delete'>;
}

const RUNTIME = 'io.containerd.runc.v2';
const LOG_BYTES = 1 << 20;
/** What a plugin may take to end when it is asked to, before it is killed; and afterwards, milliseconds. */
const END_MS = 10_000;
const [SIGTERM, SIGKILL] = [15, 9];

export interface ProcessNeeds {
  readonly face: ContainerdFace;
  readonly folders: PluginFolders;
  readonly cgroupParent: string;
}

/** A plugin's process: a container and a task of containerd's namespace of plugins, which go on when this process dies. */
export class PluginProcesses {
  constructor(private readonly needs: ProcessNeeds) {}

  /** Starts it; whoever was there of this id is taken away before. Nothing is left of it when it fails. */
  async start(ctx: CallContext, plugin: PluginRecord): Promise<void> {
    const { folders, cgroupParent, face } = this.needs;
    const { id } = plugin;
    await this.remove(ctx, plugin);
    await fs.mkdir(folders.sockets(id), { recursive: true, mode: 0o700 });
    await fs.mkdir(folders.own(id), { recursive: true, mode: 0o700 });
    const devices = await Promise.all(plugin.settings.Devices.map(({ Path }) => hostDevice(Path ?? '')));
    const places = { sockets: folders.sockets(id), propagated: folders.propagated(id), cgroupParent, devices };
    const spec = pluginSpec(plugin, places);
    if (plugin.config.PropagatedMount !== '') await share(folders.propagated(id));
    try {
      const container = {
        id,
        labels: {},
        image: plugin.image,
        runtime: { name: RUNTIME, options: undefined },
        spec: packJson(OCI_SPEC_TYPE_URL, spec),
        snapshotter: '',
        snapshotKey: '',
        createdAt: undefined,
        updatedAt: undefined,
        extensions: {},
        sandbox: '',
      };
      await face.containers.create(ctx, { container });
      const log = { path: folders.log(id), maxSize: BigInt(LOG_BYTES), maxFile: 2, plain: false };
      await face.tasks.create(ctx, {
        containerId: id,
        rootfs: [],
        stdin: '',
        stdout: '',
        stderr: '',
        terminal: false,
        checkpoint: undefined,
        options: packAny(CreateOptions, CreateOptions.fromPartial({ log })),
        runtimePath: '',
        taskApiAddress: '',
        taskApiVersion: 0,
      });
      await face.tasks.start(ctx, { containerId: id, execId: '' });
    } catch (error) {
      await this.remove(ctx, plugin).catch(() => undefined); // the failure of the start is told
      throw new GantryError('internal', errorText(error), { cause: error });
    }
  }

  async isRunning(ctx: CallContext, id: string): Promise<boolean> {
    try {
      const { process } = await this.needs.face.tasks.get(ctx, { containerId: id, execId: '' });
      return process?.status === Status.RUNNING;
    } catch (error) {
      if (isErrorOf(error, 'notFound')) return false;
      throw error;
    }
  }

  /** Resolves when it has ended, or is not there. */
  async ended(ctx: CallContext, id: string): Promise<void> {
    await this.needs.face.tasks.wait(ctx, { containerId: id, execId: '' }).catch(ignore('notFound'));
  }

  /** Asks it to end, kills it when it does not, and takes away what is left of it. */
  async stop(ctx: CallContext, plugin: Pick<PluginRecord, 'id'>): Promise<void> {
    const { tasks } = this.needs.face;
    const ended = this.ended(ctx, plugin.id);
    for (const signal of [SIGTERM, SIGKILL]) {
      await tasks
        .kill(ctx, { containerId: plugin.id, execId: '', signal, all: signal === SIGKILL })
        .catch(ignore('notFound', 'failedPrecondition'));
      const late = new AbortController();
      const inTime = await Promise.race([ended.then(() => true), pause(END_MS, { signal: late.signal }).then(() => false)]);
      late.abort();
      if (inTime) break;
    }
    await this.remove(ctx, plugin);
  }

  /** Takes away task, container, socket and mounts. */
  async remove(ctx: CallContext, { id }: Pick<PluginRecord, 'id'>): Promise<void> {
    const { face, folders } = this.needs;
    const { containers, tasks } = face;
    await tasks.kill(ctx, { containerId: id, execId: '', signal: SIGKILL, all: true }).catch(ignore('notFound', 'failedPrecondition'));
    await this.ended(ctx, id);
    await tasks.delete(ctx, { containerId: id }).catch(ignore('notFound'));
    await containers.delete(ctx, { id }).catch(ignore('notFound'));
    await fs.rm(folders.sockets(id), { recursive: true, force: true });
    await unshare(folders.own(id));
  }
}

async function hostDevice(path: string): Promise<NonNullable<ReturnType<typeof deviceOf>>> {
  const stat = await fs.stat(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT'))
      throw new GantryError(
        'internal',
        `error gathering device information while adding custom device "${path}": no such file or directory`,
        { cause: error },
      );
    throw error;
  });
  const device = deviceOf(stat, path);
  if (device === undefined)
    throw new GantryError('internal', `error gathering device information while adding custom device "${path}": not a device node`);
  return device;
}

/** Makes a folder one whose mounts are the same wherever it is shown. */
async function share(path: string): Promise<void> {
  await fs.mkdir(path, { recursive: true, mode: 0o755 });
  await syscalls.async.mount(path, path, null, MS.BIND | MS.REC, null);
  await syscalls.async.mount(null, path, null, MS.SHARED | MS.REC, null);
}

/** Undoes that, and what a plugin has left mounted there. */
async function unshare(folder: string): Promise<void> {
  for (const path of mountPointsBelow(folder, readMountInfo())) await syscalls.async.umount2(path, MNT.DETACH).catch(() => undefined); // gone with the one above it
}
