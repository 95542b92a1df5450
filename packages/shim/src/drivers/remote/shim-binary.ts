import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { formatTimestamp, packAny, unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { DeleteResponse } from '@gantry/api/containerd/task/v2/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { failedPrecondition, internal } from '@gantry/rpc';
import type { Helper } from '@gantry/native';
import type { ExitState } from '../../monitor/state-files';
import { hostId, mappingsOf } from '../../tasks/host-id';
import type { DriverTask } from '../driver';
import { parseBootstrap } from './bootstrap';
import type { TaskServer } from './server';
import type { Endpoint } from './session';

export interface ShimBinaryOptions {
  readonly helper: Helper;
  /** The address that shims take for their containerd's: names their sockets, too. */
  readonly address: string;
  /** Unix socket on which shims publish events over ttrpc. */
  readonly events: string;
  /** Absolute path of a program that publishes an event as `containerd publish` does. */
  readonly publisher: string;
}

/** Exit code of a task whose shim died and did not tell another. */
const KILLED = 137;

/** containerd's shim v2: a binary with `start` and `delete`, run in the bundle's directory (containerd's runtime/v2 README). */
export class ShimBinary implements TaskServer {
  readonly ownsProcess = true;

  constructor(private readonly settings: ShimBinaryOptions) {}

  log(task: DriverTask): string {
    return join(task.bundle, 'log');
  }

  async start(task: DriverTask): Promise<Endpoint> {
    const { ok, exit_code: code, output = '', error } = await this.run(task, ['start'], { output: 2 });
    if (!ok || code !== 0)
      throw failedPrecondition(`${task.options.binary} start ${task.id}: ${output.trim() || (error ?? `exit status ${code}`)}`);
    return parseBootstrap(output);
  }

  options(task: DriverTask): Any | undefined {
    const { binary, passed, root } = task.options;
    const given = passed === undefined ? undefined : { typeUrl: passed.typeUrl, value: Buffer.from(passed.value, 'base64') };
    if (!/^containerd-shim-runc-v\d+$/.test(basename(binary))) return given;
    const runc = unpackAny(given, Options) ?? (given === undefined ? Options.fromPartial({}) : undefined);
    if (runc === undefined) return given;
    const { user } = task.spec.process ?? {};
    return packAny(Options, {
      ...runc,
      // It keeps its state in a directory of containerd's unless it is told another, and adds the namespace itself.
      root: runc.root || dirname(root),
      // Its pipes belong to the user, so that /dev/stdout can be opened again, by mapped users too.
      ioUid: runc.ioUid || Math.max(hostId(user?.uid ?? 0, mappingsOf(task.spec, 'uid')), 0),
      ioGid: runc.ioGid || Math.max(hostId(user?.gid ?? 0, mappingsOf(task.spec, 'gid')), 0),
    });
  }

  async clean(task: DriverTask): Promise<ExitState> {
    const file = join(task.dir, 'shim-deleted');
    const answer = await this.run(task, ['delete'], { stdout: file });
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    await rm(file, { force: true });
    if (!answer.ok || answer.exit_code !== 0)
      throw internal(
        `${task.options.binary} delete ${task.id}: ${answer.output?.trim() || (answer.error ?? `exit status ${answer.exit_code}`)}`,
      );
    const { exitStatus, exitedAt } = DeleteResponse.decode(bytes);
    return {
      exit_code: exitStatus === 0 ? KILLED : exitStatus,
      exited_at: exitedAt === undefined ? new Date().toISOString() : formatTimestamp(exitedAt),
      oom: false,
      error: 'shim lost',
    };
  }

  private run(task: DriverTask, verb: readonly string[], how: { readonly output?: 2; readonly stdout?: string }) {
    const { address, events, publisher, helper } = this.settings;
    const { binary, binaryArgs } = task.options;
    const argv = [
      binary,
      ...binaryArgs,
      '-namespace',
      task.namespace,
      '-address',
      address,
      '-publish-binary',
      publisher,
      '-id',
      task.id,
      ...(verb[0] === 'delete' ? ['-bundle', task.bundle] : []),
      ...verb,
    ];
    const env = [
      `TTRPC_ADDRESS=${events}`,
      `GRPC_ADDRESS=${address}`,
      `NAMESPACE=${task.namespace}`,
      'MAX_SHIM_VERSION=3',
      'GOMAXPROCS=2',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ];
    return helper.request('run', { argv, cwd: task.bundle, env, ...how });
  }
}
