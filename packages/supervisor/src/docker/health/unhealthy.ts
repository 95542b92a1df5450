import { constants } from 'node:os';
import { type CallContext, newContext } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import { type Engine, eventAttributes } from '../engine';
import type { DockerContainer } from '../records';
import { ended, sendSignal } from '../stop/kill';
import { DEFAULT_STOP_SIGNAL, parseSignal } from '../stop/signals';
import { stopById } from '../stop/stop';
import { isUnhealthy, type UnhealthyAction, unhealthyAction } from './on-failure';

/** Milliseconds that a container may take to be gone after SIGKILL. */
const GONE_MS = 20_000;

/**
 * Acts on unhealthy containers, one action of a container at a time. One that fails, or is cut short by the death of the process, is done again at the
 * next test that fails, or when the next process begins.
 */
export class UnhealthyActions {
  private readonly acting = new Set<string>();

  constructor(private readonly engine: Engine) {}

  /** Does what is to be done, if anything is. */
  act(id: string): void {
    const { records, events, logger } = this.engine;
    const docker = records.getDocker(id)?.docker;
    if (docker?.hostConfig === undefined || !isRunning(docker) || !isUnhealthy(docker) || this.acting.has(id)) return;
    const action = unhealthyAction(docker.hostConfig);
    const { manuallyStopped, startedAt } = stateOf(docker);
    // A user stops it already; or a former process did, whose stop is to come to its end.
    if (action === undefined || (manuallyStopped && action !== 'stop')) return;
    this.acting.add(id);
    events.emit({
      type: 'container',
      action: `health_action: ${action}`,
      id,
      attributes: eventAttributes(docker),
      source: `health_action ${action} ${id} ${startedAt}`,
    });
    this.perform(action, id, docker)
      .catch((error: unknown) => logger.warn({ err: error, container: id, action }, 'acting on an unhealthy container failed'))
      .finally(() => this.acting.delete(id));
  }

  private async perform(action: UnhealthyAction, id: string, docker: DockerContainer): Promise<void> {
    const { engine } = this;
    const ctx = newContext({ namespace: engine.records.dockerNamespace, logger: engine.logger });
    switch (action) {
      case 'stop':
        return stopById(engine, ctx, id, { signal: '', timeout: undefined });
      case 'kill':
        return sendSignal(engine, ctx, id, constants.signals.SIGKILL, false);
      case 'restart':
        return this.end(ctx, id, docker);
    }
  }

  /** Ends a container that starts again (restartsUnhealthy): nobody stopped it. */
  private async end(ctx: CallContext, id: string, { config }: DockerContainer): Promise<void> {
    const { engine } = this;
    await sendSignal(engine, ctx, id, parseSignal(config?.StopSignal || DEFAULT_STOP_SIGNAL), false);
    const seconds = config?.StopTimeout === undefined ? engine.settings.stopTimeout : Number(config.StopTimeout);
    if (await ended(engine, ctx, id, seconds < 0 ? -1 : seconds * 1000)) return;
    await sendSignal(engine, ctx, id, constants.signals.SIGKILL, false);
    await ended(engine, ctx, id, GONE_MS);
  }
}
