import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { OCI_PROCESS_TYPE_URL, packJson } from '@gantry/api';
import type { ExecSyncResponse } from '@gantry/api/runtime/v1/api';
import { AT, O, S, syscalls } from '@gantry/linux';
import { type CallContext, deadlineExceeded, detached, ignore, pause, prefixed } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Needs } from '../sandboxes/needs';
import { type Contained, specOf } from './record';
import { insistOnRunning } from './settle';

/** Bytes of each output that are kept: both together, and what is around them, fit into a message. */
const MOST = 7 * 1024 * 1024;
/** Milliseconds for output that was written before the end and comes after it: who holds the pipe longer is not waited for. */
const DRAIN_MS = 200;

/** Runs a command in a container to its end, or to its time-out: then it is killed, and nobody who inherited its output is waited for. */
export async function execSync(
  needs: Needs,
  caller: CallContext,
  container: Contained,
  wish: { readonly cmd: readonly string[]; readonly seconds: number },
): Promise<ExecSyncResponse> {
  const { tasks } = needs.services;
  const ctx = detached(caller);
  if (wish.cmd.length === 0) throw unknown('failed to start exec: args must not be empty');
  await insistOnRunning(needs, ctx, container);
  const named = { containerId: container.id, execId: randomBytes(16).toString('hex') };
  const folder = join(needs.roots.run, 'cri', `exec-${named.execId}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [stdout, stderr] = [new Output(join(folder, '1')), new Output(join(folder, '2'))];
  try {
    const process = { ...specOf(container).process, terminal: false, args: wish.cmd };
    await tasks.exec(ctx, {
      ...named,
      terminal: false,
      stdin: '',
      stdout: stdout.path,
      stderr: stderr.path,
      spec: packJson(OCI_PROCESS_TYPE_URL, process),
    });
    try {
      stdout.read();
      stderr.read();
      await tasks
        .start(ctx, named)
        .catch((error: unknown) => Promise.reject(prefixed(error, `failed to start exec "${named.execId}"`, 'unknown')));
      const exitCode = await ended(needs, ctx, { ...named, seconds: wish.seconds });
      await Promise.race([Promise.all([stdout.closed, stderr.closed]), pause(DRAIN_MS)]);
      return { stdout: stdout.bytes(), stderr: stderr.bytes(), exitCode };
    } finally {
      await tasks.deleteProcess(ctx, named).catch(ignore('notFound'));
    }
  } finally {
    stdout.close();
    stderr.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ended(
  { services: { tasks } }: Needs,
  ctx: CallContext,
  { seconds, ...named }: { readonly containerId: string; readonly execId: string; readonly seconds: number },
): Promise<number> {
  const exit = tasks.wait(ctx, named);
  if (seconds <= 0) return (await exit).exitStatus;
  const over = new AbortController();
  const late = pause(seconds * 1000, { signal: over.signal }).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  const first = await Promise.race([exit, late]);
  over.abort();
  if (first !== 'late') return first.exitStatus;
  await tasks.kill(ctx, { ...named, signal: constants.signals.SIGKILL, all: false }).catch(ignore('notFound', 'failedPrecondition'));
  await exit;
  throw deadlineExceeded(`failed to exec in container: timeout ${seconds}s exceeded: context deadline exceeded`);
}

/** A FIFO that a process writes to, read to its end; what is beyond the limit is read and dropped. */
class Output {
  readonly closed: Promise<void>;
  private readonly told = Promise.withResolvers<void>();
  private fd: number | undefined;
  private socket: Socket | undefined;
  private readonly chunks: Buffer[] = [];
  private size = 0;

  constructor(readonly path: string) {
    syscalls.mknodat(AT.FDCWD, path, S.IFIFO | 0o600, { major: 0, minor: 0 });
    this.fd = syscalls.openat(AT.FDCWD, path, O.RDONLY | O.NONBLOCK);
    this.closed = this.told.promise;
  }

  /** Once the other end is open: before that a read would find the end. */
  read(): void {
    if (this.fd === undefined) return;
    const socket = new Socket({ fd: this.fd, readable: true, writable: false });
    [this.fd, this.socket] = [undefined, socket];
    socket.on('data', (chunk: Buffer) => {
      const kept = chunk.subarray(0, Math.max(0, MOST - this.size));
      this.size += kept.length;
      if (kept.length > 0) this.chunks.push(kept);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => this.told.resolve());
  }

  bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  close(): void {
    this.socket?.destroy();
    if (this.fd !== undefined) syscalls.close(this.fd);
  }
}
