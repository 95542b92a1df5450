import type { HealthConfig } from '@gantry/api/gantry/engine/v1/types';
import { errorText, type Logger, pause } from '@gantry/rpc';

/** How one probe ended. */
export interface ProbeResult {
  readonly exitCode: number;
  readonly output: string;
}

/** What the monitor needs of the engine; tests pass literals. */
export interface HealthHost {
  /** Runs the test inside the container. Rejects when it could not be run at all. */
  probe(id: string, args: readonly string[], timeoutMs: number): Promise<ProbeResult>;
  /** Keeps a result; answers the status after it. */
  record(
    id: string,
    result: { readonly start: string; readonly end: string; readonly exitCode: number; readonly output: string },
    settings: HealthSettings,
  ): void;
  now(): string;
}

/** Times in milliseconds. */
export interface HealthSettings {
  readonly args: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly startPeriod: number;
  readonly startInterval: number;
}

const MS = 1_000_000n;
const ms = (nanos: bigint, fallback: number): number => (nanos === 0n ? fallback : Number(nanos / MS));

/** Docker's defaults in place of zeros; undefined when there is nothing to test. `shell` runs a CMD-SHELL test. */
export function healthSettings(health: HealthConfig | undefined, shell: readonly string[]): HealthSettings | undefined {
  const [kind, ...test] = health?.Test ?? [];
  if (health === undefined || kind === undefined || kind === 'NONE' || test.length === 0) return undefined;
  return {
    args: kind === 'CMD-SHELL' ? [...(shell.length > 0 ? shell : ['/bin/sh', '-c']), test[0] ?? ''] : test,
    interval: ms(health.Interval, 30_000),
    timeout: ms(health.Timeout, 30_000),
    retries: health.Retries === 0n ? 3 : Number(health.Retries),
    startPeriod: ms(health.StartPeriod, 0),
    startInterval: ms(health.StartInterval, 5_000),
  };
}

/** Tests running containers at their interval, one probe of a container at a time. A clock that runs late only tests later. */
export class HealthMonitors {
  private readonly running = new Map<string, AbortController>();

  constructor(
    private readonly host: HealthHost,
    private readonly logger: Logger,
  ) {}

  /** `startedAt` in milliseconds since the epoch. */
  start(id: string, settings: HealthSettings, startedAt: number): void {
    this.stop(id);
    const stop = new AbortController();
    this.running.set(id, stop);
    void this.watch(id, settings, startedAt, stop.signal);
  }

  stop(id: string): void {
    this.running.get(id)?.abort();
    this.running.delete(id);
  }

  stopAll(): void {
    for (const id of [...this.running.keys()]) this.stop(id);
  }

  private async watch(id: string, settings: HealthSettings, startedAt: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const starting = Date.now() - startedAt < settings.startPeriod;
      if (!(await pause(starting ? settings.startInterval : settings.interval, { signal, ref: false }))) return;
      const start = this.host.now();
      let result: ProbeResult;
      try {
        result = await this.host.probe(id, settings.args, settings.timeout);
      } catch (error) {
        result = { exitCode: -1, output: errorText(error) };
      }
      if (signal.aborted) return;
      try {
        this.host.record(id, { start, end: this.host.now(), ...result }, settings);
      } catch (error) {
        this.logger.warn({ err: error, container: id }, 'a health result could not be kept');
      }
    }
  }
}
