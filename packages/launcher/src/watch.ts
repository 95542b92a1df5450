import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { HealthService } from '@gantry/api/grpc/health/v1/health';
import { after, connect, errorText, failedPrecondition, newContext, type Timer } from '@gantry/rpc';
import { isFinal, type ServiceSpec, UNUSABLE } from '@gantry/service';
import { childEnvironment, serviceArguments, serviceConfig, type UpOptions } from './config';
import { HeldSockets } from './held';
import type { Host } from './host';
import { RestartPace } from './restart-pace';
import { services } from './services';

/** A young generation of 4 MiB instead of 16: a service that was busy keeps half the memory, at 4 % more CPU time. */
const SMALL_HEAP = ['--max-semi-space-size=4'];

/**
 * Tells the child that its sockets are its own (sd_listen_fds(3)), and that its standard input is held by its launcher, which only the child's own number
 * can say.
 */
const WITH_SOCKETS = ['-c', 'LISTEN_PID=$$ GANTRY_LAUNCHED=$$ exec "$@"', 'gantry'];

/** Runs every service as a process and starts it again whenever it ends. Containers are not their children and live on. */
export async function watchServices(options: UpOptions, folder: string): Promise<Host> {
  const watched = services.map((spec) => new WatchedService(spec, options, folder));
  const stop = async (): Promise<void> => {
    for (const service of [...watched].reverse()) await service.stop();
  };
  try {
    for (const service of watched) {
      await service.start();
      await service.answering();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

class WatchedService {
  private child: ChildProcess | undefined;
  private readonly pace = new RestartPace();
  private readonly sockets: HeldSockets;
  private stopping = false;
  /** It would only fail again until a person has helped. */
  private givenUp = false;
  private timer: Timer | undefined;

  constructor(
    private readonly spec: ServiceSpec<object>,
    private readonly options: UpOptions,
    private readonly folder: string,
  ) {
    const extra = spec.listens?.(serviceConfig(spec, options)) ?? [];
    this.sockets = new HeldSockets([this.socket, ...extra]);
  }

  private get socket(): string {
    return join(this.options.run, `${this.spec.name}.sock`);
  }

  async start(): Promise<void> {
    const fds = await this.sockets.open();
    if (this.stopping) return;
    const command = [process.execPath, ...SMALL_HEAP, join(this.folder, `${this.spec.binary}.cjs`)];
    const child = spawn('/bin/sh', [...WITH_SOCKETS, ...command, ...serviceArguments(this.spec.name, this.options)], {
      // Nothing is ever written to it: it ends with this process, however that ends.
      stdio: ['pipe', 'inherit', 'inherit', ...fds],
      env: childEnvironment(fds.length),
    });
    this.child = child;
    child.stdin?.on('error', () => undefined);
    child.on('exit', (code) => this.ended(child, code));
    child.on('error', () => this.ended(child, null));
  }

  private ended(child: ChildProcess, code: number | null): void {
    if (this.child !== child) return;
    this.child = undefined;
    if (this.stopping) return;
    if (isFinal(code)) {
      this.givenUp = true;
      process.stderr.write(`gantry: ${this.spec.binary} ended with ${code} and is not started again: it says why\n`);
      void this.sockets.close(); // nobody shall wait for it
      return;
    }
    this.startLater();
  }

  private startLater(): void {
    this.timer = after(this.pace.ended(), () => {
      this.start().catch((error: unknown) => {
        process.stderr.write(`gantry: ${this.spec.binary} cannot be started: ${errorText(error)}\n`);
        this.startLater();
      });
    });
  }

  /** Until it answers: the next service needs it at once. A service that never comes up is not waited for longer than 30 s. Throws when it cannot come up. */
  async answering(): Promise<void> {
    const connection = connect(this.socket);
    const health = connection.client(HealthService);
    try {
      for (const end = Date.now() + 30_000; Date.now() < end;) {
        const healthy = await health.check(newContext(), { service: '' }, { waitForReady: true, timeoutMs: 1000 }).then(
          () => true,
          () => false,
        );
        if (healthy) return;
        if (this.givenUp) throw failedPrecondition(`${this.spec.binary} cannot run`, { meta: UNUSABLE });
      }
    } finally {
      connection.close();
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.timer?.cancel();
    const child = this.child;
    if (child !== undefined) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    await this.sockets.close();
  }
}
