import type { ResizeRequest, ResizeResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict } from '@gantry/rpc';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { isRunning } from '../../core/phases';

type Needs = Uses<{ records: 'dockerNamespace' | 'requireDocker'; tasks: 'resizePty'; events: 'emit' }>;

/** POST /containers/{id}/resize. */
export async function resizeContainer(
  engine: Needs,
  caller: CallContext,
  { id: ref, height, width }: ResizeRequest,
): Promise<ResizeResponse> {
  const { id, docker } = engine.records.requireDocker(ref);
  if (!isRunning(docker)) throw conflict(`container ${id} is not running`);
  await engine.tasks.resizePty(inDockerNamespace(engine, caller), { id, width, height });
  emitContainerEvent(engine, id, docker, 'resize', { height: String(height), width: String(width) });
  return {};
}
