import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import { formatJson, type LinuxResources } from '@gantry/oci';
import { GantryError, ignore, internal, invalidArgument, notFound } from '@gantry/rpc';
import { type CgroupManager, type CgroupPlan, present, removeAllBut } from '@gantry/runtime';
import type { Fields } from '@gantry/native';
import type { Helper, RunOptions } from '@gantry/native';
import type { Driver, DriverExec, DriverTask, FailedLaunch } from './driver';
import { hiddenMount } from './hidden-mount';
import { launchFailure, ofRuntime } from './launch-failure';

export interface OciDriverOptions {
  readonly helper: Helper;
  readonly cgroups: CgroupManager;
  /** A fresh, short path for a console socket. */
  readonly consoleSocket: (id: string) => string;
}

const LOG = 'runtime.log';

/**
 * Any binary with runc's command line, run in the bundle's directory as containerd's shims do. The monitor runs `create`, `start` and `exec`, and is the sub-reaper to which the container's
 * processes fall; the other verbs run through the helper.
 */
export class OciDriver implements Driver {
  readonly name = 'oci';
  readonly mapsBinds = false;

  constructor(private readonly options: OciDriverOptions) {}

  cgroup(task: Omit<DriverTask, 'cgroup'>): CgroupPlan | undefined {
    const path = task.spec.linux?.cgroupsPath ?? '';
    return path.startsWith('/') && !task.options.systemdCgroup ? this.options.cgroups.plan(path) : undefined;
  }

  async prepare(task: DriverTask): Promise<{ fields: Fields; warnings: readonly string[] }> {
    const pidFile = join(task.dir, 'init.pid');
    const console = task.terminal ? this.options.consoleSocket(`${task.namespace}/${task.id}`) : undefined;
    if (task.checkpoint !== undefined) return { fields: this.restoring(task, task.checkpoint, pidFile, console), warnings: [] };
    const create = [
      ...this.command(task, task.dir),
      'create',
      '--bundle',
      task.bundle,
      '--pid-file',
      pidFile,
      ...(console === undefined ? [] : ['--console-socket', console]),
      ...(task.options.noPivot ? ['--no-pivot'] : []),
      ...(task.options.noNewKeyring ? ['--no-new-keyring'] : []),
      task.id,
    ];
    return {
      fields: {
        driver: 'oci',
        create,
        start: [...this.command(task, task.dir), 'start', task.id],
        pid_file: pidFile,
        console,
        hide: hiddenMount(task.options.binary),
        bundle: task.bundle,
      },
      warnings: [],
    };
  }

  /** A restored task comes to life whole, so that its "created" is only known, as an exec process's is. */
  private restoring(task: DriverTask, images: string, pidFile: string, console: string | undefined): Fields {
    const start = [
      ...this.command(task, task.dir),
      'restore',
      '--detach',
      '--bundle',
      task.bundle,
      '--pid-file',
      pidFile,
      '--image-path',
      images,
      '--work-path',
      workPath(task),
      ...(console === undefined ? [] : ['--console-socket', console]),
      ...(task.options.noPivot ? ['--no-pivot'] : []),
      task.id,
    ];
    return { driver: 'oci', exec: true, start, pid_file: pidFile, console, hide: hiddenMount(task.options.binary), bundle: task.bundle };
  }

  async checkpoint(
    task: DriverTask,
    path: string,
    options: CheckpointOptions,
    _init: DriverExec['init'],
    signal: AbortSignal,
  ): Promise<void> {
    const images = path || options.imagePath || task.options.criuImagePath;
    if (images === '') throw invalidArgument(`checkpoint of task ${task.id} names no directory`);
    const flags = Object.entries({
      '--leave-running': !options.exit,
      '--tcp-established': options.openTcp,
      '--ext-unix-sk': options.externalUnixSockets,
      '--shell-job': options.terminal,
      '--file-locks': options.fileLocks,
    });
    const words = [
      'checkpoint',
      '--image-path',
      images,
      '--work-path',
      options.workPath || workPath(task),
      ...flags.filter(([, set]) => set).map(([flag]) => flag),
      ...options.emptyNamespaces.flatMap((namespace) => ['--empty-ns', namespace]),
      ...(options.cgroupsMode === '' ? [] : ['--manage-cgroups-mode', options.cgroupsMode]),
      ...(options.parentPath === '' ? [] : ['--parent-path', options.parentPath]),
      task.id,
    ];
    const files = present(images);
    try {
      await this.run(task, words, { signal, file: join(task.dir, `checkpoint-${randomUUID()}.group`) });
    } catch (error) {
      if (!signal.aborted) throw error;
      removeAllBut(images, files);
      // criu freezes what it writes, and has not come to let it go; it was asked for a task that ran.
      if (task.cgroup !== undefined) await this.options.cgroups.thaw(task.cgroup).catch(ignore('failedPrecondition', 'notFound'));
      throw signal.reason;
    }
  }

  async prepareExec(task: DriverTask, exec: DriverExec): Promise<Fields> {
    const file = join(exec.dir, 'process.json');
    const pidFile = join(exec.dir, 'exec.pid');
    const console = exec.terminal ? this.options.consoleSocket(`${task.namespace}/${task.id}/${exec.execId}`) : undefined;
    await writeFile(file, formatJson({ ...exec.process, terminal: exec.terminal }), { mode: 0o600 });
    const start = [
      ...this.command(task, exec.dir),
      'exec',
      '--process',
      file,
      '--pid-file',
      pidFile,
      '--detach',
      ...(console === undefined ? [] : ['--console-socket', console]),
      task.id,
    ];
    return { driver: 'oci', start, pid_file: pidFile, console, hide: hiddenMount(task.options.binary), bundle: task.bundle };
  }

  async explain({ dir, verb, program }: FailedLaunch, error: GantryError): Promise<GantryError> {
    const reason = lastMessage(await readFile(join(dir, LOG), 'utf8').catch(() => ''));
    const failure = reason === undefined ? error : launchFailure(reason, error, program);
    return ofRuntime(failure, verb, failure.message);
  }

  async kill(task: DriverTask, signal: number, all: boolean): Promise<void> {
    if (all && task.cgroup !== undefined) {
      await this.options.cgroups.killAll(task.cgroup, signal);
      return;
    }
    await this.run(task, ['kill', ...(all ? ['--all'] : []), task.id, String(signal)]);
  }

  async pause(task: DriverTask): Promise<void> {
    await this.run(task, ['pause', task.id]);
  }

  async resume(task: DriverTask): Promise<void> {
    await this.run(task, ['resume', task.id]);
  }

  async update(task: DriverTask, resources: LinuxResources): Promise<void> {
    const file = join(task.dir, 'resources.json');
    await writeFile(file, formatJson(resources), { mode: 0o600 });
    await this.run(task, ['update', '--resources', file, task.id]);
  }

  async sweep(task: DriverTask): Promise<void> {
    if (task.cgroup !== undefined) await this.options.cgroups.killAll(task.cgroup);
  }

  async remove(task: DriverTask): Promise<void> {
    await this.run(task, ['delete', '--force', task.id]).catch((error: unknown) => {
      if (!(error instanceof GantryError) || error.kind !== 'notFound') throw error;
    });
    if (task.cgroup !== undefined) await this.options.cgroups.remove(task.cgroup);
  }

  private command(task: DriverTask, logDir: string): string[] {
    const { binary, binaryArgs, root, systemdCgroup } = task.options;
    return [
      binary,
      ...binaryArgs,
      '--root',
      root,
      '--log',
      join(logDir, LOG),
      '--log-format',
      'json',
      ...(systemdCgroup ? ['--systemd-cgroup'] : []),
    ];
  }

  private async run(task: DriverTask, args: readonly string[], until?: RunOptions['until']): Promise<void> {
    const answer = await this.options.helper.run([...this.command(task, task.dir), ...args], {
      hide: hiddenMount(task.options.binary),
      cwd: existsSync(task.bundle) ? task.bundle : undefined, // its owner may have taken it away
      until,
    });
    if (answer.ok && answer.exit_code === 0) return;
    const reason =
      lastMessage(answer.output ?? '') ??
      lastMessage(await readFile(join(task.dir, LOG), 'utf8').catch(() => '')) ??
      answer.error ??
      `exit status ${answer.exit_code}`;
    const text = `${task.options.binary} ${args[0]} ${task.id}: ${reason}`;
    throw /does not exist|not running|not found|no such process|process already (finished|done)/i.test(reason)
      ? notFound(text)
      : internal(text);
  }
}

/** Where criu writes its own log. */
const workPath = (task: DriverTask): string => task.options.criuWorkPath || task.dir;

/** The message of the last error in a runtime's JSON log, or its last line of text. */
function lastMessage(log: string): string | undefined {
  for (const line of log.trim().split('\n').reverse()) {
    if (line === '') continue;
    if (!line.startsWith('{')) return line;
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string };
      if (entry.msg !== undefined && entry.level !== 'warning' && entry.level !== 'info' && entry.level !== 'debug') return entry.msg;
    } catch {
      return line;
    }
  }
  return undefined;
}
