import type { WaitRequest, WaitResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { isRunning, Phase, phaseOf, stateOf } from '../../core/phases';
import type { Uses } from '../engine';
import type { Exit } from '../../core/exit/lifecycle';

type Needs = Uses<{ records: 'requireDocker'; life: 'onExit' | 'onRemoved' | 'released' }>;

/** POST /containers/{id}/wait: `registered` once the end cannot be missed any more, then the end. */
export async function* waitContainer(engine: Needs, ctx: CallContext, request: WaitRequest): AsyncGenerator<WaitResponse> {
  const condition = request.condition || 'not-running';
  if (!['not-running', 'next-exit', 'removed'].includes(condition)) throw invalidArgument(`invalid condition: "${condition}"`);
  const { id, docker } = engine.records.requireDocker(request.id);
  const state = stateOf(docker);
  const running = isRunning(docker) || state.phase === Phase.PHASE_STARTING || state.phase === Phase.PHASE_RESTARTING;

  const end = Promise.withResolvers<Exit>();
  const stop = condition === 'removed' ? engine.life.onRemoved(id, end.resolve) : engine.life.onExit(id, end.resolve);
  const abort = (): void => end.reject(ctx.signal.reason as Error);
  ctx.signal.addEventListener('abort', abort, { once: true });
  end.promise.catch(() => undefined);
  try {
    yield { registered: true, statusCode: 0n, error: '', containerId: id };
    if (condition === 'not-running' && !running) {
      await engine.life.released(id);
      yield { registered: false, statusCode: state.exitCode, error: state.error, containerId: id };
      return;
    }
    if (condition === 'removed' && phaseOf(docker) === Phase.PHASE_DEAD) end.resolve({ exitCode: state.exitCode, error: state.error });
    const { exitCode, error } = await end.promise;
    yield { registered: false, statusCode: exitCode, error, containerId: id };
  } finally {
    stop();
    ctx.signal.removeEventListener('abort', abort);
  }
}
