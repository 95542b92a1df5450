import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '@gantry/rpc';
import { isFinal, type ServiceSpec, UNUSABLE } from '@gantry/service';
import { serviceArguments, type UpOptions } from './config';
import type { Host } from './host';
import { services } from './services';

/** A service that dies this soon after its start, ms, is started again ever more slowly. */
const QUICK_DEATH = 2000;
const LONGEST_PAUSE = 5000;

/** A young generation of 4 MiB instead of 16: a service that was busy keeps half the memory, at 4 % more CPU time. */
const SMALL_HEAP = ['--max-semi-space-size=4'];

/** Runs every service as a process and starts it again whenever it ends. Containers are not their children and live on. */
export async function watchServices(options: UpOptions, folder: string): Promise<Host> {
  const watched = services.map((spec) => new WatchedService(spec, options, folder));
  const stop = async (): Promise<void> => {
    for (const service of [...watched].reverse()) await service.stop();
  };
  try {
    for (const service of watched) {
      service.start();
      await service.listening();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

class WatchedService {
  private child: ChildProcess | undefined;
  private pause = 0;
  private stopping = false;
  /** It would only fail again until a person has helped. */
  private givenUp = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly spec: ServiceSpec<object>,
    private readonly options: UpOptions,
    private readonly folder: string,
  ) {}

  start(): void {
    const begun = Date.now();
    const child = spawn(
      process.execPath,
      [...SMALL_HEAP, join(this.folder, `${this.spec.binary}.cjs`), ...serviceArguments(this.spec.name, this.options)],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    this.child = child;
    const again = (code: number | null): void => {
      if (this.child !== child) return;
      this.child = undefined;
      if (this.stopping) return;
      if (isFinal(code)) {
        this.givenUp = true;
        process.stderr.write(`gantry: ${this.spec.binary} ended with ${code} and is not started again: it says why\n`);
        return;
      }
      this.pause = Date.now() - begun < QUICK_DEATH ? Math.min(LONGEST_PAUSE, Math.max(100, this.pause * 2)) : 0;
      this.timer = setTimeout(() => this.start(), this.pause);
    };
    child.on('exit', again);
    child.on('error', () => again(null));
  }

  /** Until its socket is there: the next service finds it at once. A service that never comes up is not waited for longer than 30 s. Throws when it cannot come up. */
  async listening(): Promise<void> {
    const socket = join(this.options.run, this.spec.name === 'gateway' ? 'docker.sock' : `${this.spec.name}.sock`);
    for (const end = Date.now() + 30_000; !existsSync(socket) && Date.now() < end;) {
      if (this.givenUp) throw failedPrecondition(`${this.spec.binary} cannot run`, { meta: UNUSABLE });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    const child = this.child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}
