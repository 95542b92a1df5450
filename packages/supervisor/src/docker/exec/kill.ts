import type { ExecKillRequest, ExecKillResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, isErrorOf } from '@gantry/rpc';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { parseSignal } from '../stop/signals';
import { requireExec } from './exec';

type Needs = Uses<{
  records: 'dockerNamespace' | 'requireDocker';
  tasks: 'kill';
  events: 'emit';
  execs: 'find';
}>;

/** gantry.engine.v1's ExecKill, which docker has no word for: a signal to the process of an exec. */
export async function killExec(engine: Needs, caller: CallContext, request: ExecKillRequest): Promise<ExecKillResponse> {
  const exec = requireExec(engine, request.id);
  const signal = parseSignal(request.signal || 'SIGKILL');
  const stopped = (): Error => conflict(`exec ${exec.id} is not running`);
  if (exec.state !== 'running') throw stopped();
  const { docker } = engine.records.requireDocker(exec.containerId);
  try {
    await engine.tasks.kill(inDockerNamespace(engine, caller), { id: exec.containerId, execId: exec.id, signal });
  } catch (error) {
    throw isErrorOf(error, 'notFound', 'failedPrecondition') ? stopped() : error;
  }
  emitContainerEvent(engine, exec.containerId, docker, 'exec_kill', { execID: exec.id, signal: String(signal) });
  return {};
}
