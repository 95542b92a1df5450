import { constants } from 'node:os';
import { after, newContext } from '@gantry/rpc';
import { GONE_MS } from '@gantry/service';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import type { Uses } from '../engine';
import { ended, sendSignal } from './kill';
import { DEFAULT_STOP_SIGNAL, parseSignal } from './signals';

type Needs = Uses<{
  settings: 'shutdownTimeout' | 'stopTimeout';
  records: 'dockerNamespace' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  tasks: 'kill' | 'resume';
  events: 'emit';
  queues: 'run';
  life: 'nextExit' | 'released' | 'restarter' | 'tellExit';
  logger: true;
}>;

/**
 * Stops every running container, each with its own signal, all at once. Nobody asked for these ends: policies start the containers again
 * when the host, or the engine, is back. What does not stop in time is killed.
 * @param mostMs what a container may take at most, whatever its own time-out says
 */
export async function stopContainers(engine: Needs, mostMs = Infinity): Promise<void> {
  engine.life.restarter.stop();
  const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
  const running = engine.records.listDocker().filter(({ docker }) => isRunning(docker));
  await Promise.all(
    running.map(async ({ id, docker }) => {
      try {
        await sendSignal(engine, ctx, id, parseSignal(docker.config?.StopSignal || DEFAULT_STOP_SIGNAL), false);
        if (phaseOf(docker) === Phase.PHASE_PAUSED) await engine.tasks.resume(ctx, { id });
        const seconds = docker.config?.StopTimeout === undefined ? engine.settings.stopTimeout : Number(docker.config.StopTimeout);
        const ms = Math.min(seconds < 0 ? Infinity : seconds * 1000, mostMs);
        if (await ended(engine, ctx, id, ms === Infinity ? -1 : ms)) return;
        await sendSignal(engine, ctx, id, constants.signals.SIGKILL, false);
        await ended(engine, ctx, id, GONE_MS);
      } catch (error) {
        engine.logger.warn({ err: error, container: id }, 'a container could not be stopped with the engine');
      }
    }),
  );
}

/** Seconds that docker adds to the longest time-out before it leaves with containers still running. */
const GRACE = 5;

/** As dockerd without live-restore leaves: containers have their own time-outs, all of them together the longest of these and shutdown-timeout. */
export async function stopWithin(engine: Needs): Promise<void> {
  const { shutdownTimeout, stopTimeout } = engine.settings;
  engine.logger.debug(`daemon configured with a ${shutdownTimeout} seconds minimum shutdown timeout`);
  const own = engine.records
    .listDocker()
    .filter(({ docker }) => isRunning(docker))
    .map(({ docker }) => (docker.config?.StopTimeout === undefined ? stopTimeout : Number(docker.config.StopTimeout)));
  const longest = [shutdownTimeout, ...own].some((seconds) => seconds < 0) ? Infinity : Math.max(shutdownTimeout, ...own) + GRACE;
  const late = Promise.withResolvers<void>();
  const timer = after(longest * 1000, late.resolve);
  await Promise.race([stopContainers(engine), late.promise]);
  timer.cancel();
}
