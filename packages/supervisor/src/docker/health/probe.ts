import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { after, type CallContext, formatGoDuration, newContext, type Timer } from '@gantry/rpc';
import { attachMonitor, FrameReader } from '@gantry/rpc/monitor';
import { monitorSocket } from '../../core/places';
import { emitContainerEvent, type Uses } from '../engine';
import { isRunning, stateOf } from '../../core/phases';
import { nowText } from '../../core/time';
import { requestProcess } from '../exec/exec';
import type { Exec } from '../exec/table';
import { type HealthHost, HealthMonitors, healthSettings, type ProbeResult } from './health';
import { nextHealth } from './status';

type Needs = Uses<{
  looks: 'look';
  settings: 'runRoot';
  records: 'dockerNamespace' | 'getDocker' | 'requireDocker' | 'transaction' | 'updateDocker';
  tasks: 'delete' | 'exec' | 'kill' | 'resizePty' | 'start' | 'state';
  events: 'emit';
  execs: 'add' | 'changed' | 'containerGone' | 'exited' | 'find' | 'forget' | 'gates' | 'list' | 'onExit' | 'takeEarly';
  life: 'onEnded' | 'onStarted';
  logger: true;
}>;

/** Bytes of a probe's output that are kept. */
const MAX_OUTPUT = 4096;

/** Health checks of the engine's containers: started and stopped with them. `unhealthy` is told of each that fails once a container is that. */
export function healthMonitors(engine: Needs, unhealthy: (id: string) => void): HealthMonitors {
  const host: HealthHost = {
    now: nowText,
    probe: (id, args, timeoutMs) => probe(engine, id, args, timeoutMs),
    record(id, result, settings) {
      const record = engine.records.getDocker(id);
      if (record === undefined || !isRunning(record.docker) || record.docker.health === undefined) return;
      const before = record.docker.health;
      const runningMs = Date.now() - Date.parse(stateOf(record.docker).startedAt);
      const health = nextHealth(
        before,
        { Start: result.start, End: result.end, ExitCode: BigInt(result.exitCode), Output: result.output },
        settings,
        runningMs,
      );
      engine.records.transaction(
        () => {
          engine.records.updateDocker(id, (docker) => ({ ...docker, health }));
          if (health.Status !== before.Status) emitContainerEvent(engine, id, record.docker, `health_status: ${health.Status}`);
        },
        { durable: false },
      );
      if (health.Status === 'unhealthy') unhealthy(id);
    },
  };
  const monitors = new HealthMonitors(host, engine.logger);
  engine.life.onEnded((id) => monitors.stop(id));
  engine.life.onStarted((id) => watchHealth(engine, monitors, id));
  return monitors;
}

/** Begins to test a running container, if it has a test. */
export function watchHealth(engine: Needs, monitors: HealthMonitors, id: string): void {
  const record = engine.records.getDocker(id);
  if (record === undefined || !isRunning(record.docker)) return;
  const settings = healthSettings(record.docker.config?.Healthcheck, record.docker.config?.Shell ?? []);
  if (settings !== undefined) monitors.start(id, settings, Date.parse(stateOf(record.docker).startedAt));
}

async function probe(engine: Needs, containerId: string, args: readonly string[], timeoutMs: number): Promise<ProbeResult> {
  const { docker } = engine.records.requireDocker(containerId);
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  const exec: Exec = {
    id: randomBytes(32).toString('hex'),
    containerId,
    args,
    user: '',
    privileged: false,
    env: [],
    workingDir: '',
    tty: false,
    attachStdin: false,
    attachStdout: true,
    attachStderr: true,
    detachKeys: '',
    consoleSize: [],
    state: 'starting',
    pid: 0,
    exitCode: undefined,
  };
  engine.execs.add(exec);
  emitContainerEvent(engine, containerId, docker, `exec_create: ${args.join(' ')}`, { execID: exec.id });
  try {
    return await runProbe(engine, ctx, exec, timeoutMs);
  } finally {
    engine.execs.forget(exec.id);
  }
}

async function runProbe(engine: Needs, ctx: CallContext, exec: Exec, timeoutMs: number): Promise<ProbeResult> {
  const over = Promise.withResolvers<number>();
  const stop = engine.execs.onExit(exec.id, over.resolve);
  let late = false;
  let timer: Timer | undefined;
  try {
    await requestProcess.add(engine, ctx, exec);
    const { socket } = await attachMonitor(monitorSocket(engine, exec.id), { stdin: false, stdout: true, stderr: true });
    const output = firstOf(socket);
    await requestProcess.start(engine, ctx, exec);
    timer = after(timeoutMs, () => {
      late = true;
      engine.tasks
        .kill(ctx, { id: exec.containerId, execId: exec.id, signal: constants.signals.SIGKILL })
        .catch((error: unknown) => engine.logger.warn({ err: error }, 'a late health check could not be killed'));
    });
    const exitCode = await over.promise;
    const text = await output;
    return late
      ? { exitCode: -1, output: `Health check exceeded timeout (${formatGoDuration(timeoutMs * 1e6)})${text === '' ? '' : `: ${text}`}` }
      : { exitCode, output: text };
  } finally {
    timer?.cancel();
    stop();
  }
}

/** The first bytes of all that a process says, until it says no more. */
async function firstOf(output: Readable): Promise<string> {
  const frames = new FrameReader();
  let kept = Buffer.alloc(0);
  try {
    for await (const chunk of output)
      for (const { bytes } of frames.read(chunk as Buffer)) kept = Buffer.concat([kept, bytes.subarray(0, MAX_OUTPUT - kept.length)]);
  } catch {
    // The monitor is gone; what it said is kept.
  }
  return kept.toString();
}

/** A container that went on without its engine is tested anew, as docker has it: what was found of it before is told, and no longer counts. */
export function testAnew(engine: Needs, id: string): void {
  const docker = engine.records.getDocker(id)?.docker;
  if (docker?.health === undefined || !isRunning(docker) || docker.health.Status === 'starting') return;
  // One that is to be acted on is known to be unhealthy until that is done.
  if ((docker.hostConfig?.HealthcheckOnFailureAction ?? '') !== '') return;
  engine.records.updateDocker(
    id,
    ({ health, ...current }) => ({ ...current, health: health && { ...health, Status: 'starting', FailingStreak: 0n } }),
    { durable: false },
  );
}
