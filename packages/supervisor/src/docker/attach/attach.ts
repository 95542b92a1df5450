import { randomUUID } from 'node:crypto';
import {
  AttachResponse,
  type AttachReadyRequest,
  type AttachReadyResponse,
  type AttachRequest,
} from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, conflict, notFound } from '@gantry/rpc';
import { isRunning, Phase, phaseOf, stateOf } from '../../core/phases';
import { emitContainerEvent, type Uses } from '../engine';
import { offerLogs } from '../logs/logs';

type Needs = Uses<{
  settings: 'dataRoot';
  records: 'requireDocker';
  events: 'emit';
  broker: 'offer';
  life: 'addAttach' | 'attachReady' | 'forgetAttach' | 'onExit' | 'onRemoved';
}>;

/**
 * POST /containers/{id}/attach: `registered`, then the monitor's socket, at once or when the container starts. Open until the container
 * ends or the caller goes.
 */
export async function* attachContainer(engine: Needs, ctx: CallContext, request: AttachRequest): AsyncGenerator<AttachResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  const phase = phaseOf(docker);
  if (phase === Phase.PHASE_PAUSED) throw conflict(`container ${request.id} is paused, unpause the container before attach`);
  if (phase === Phase.PHASE_RESTARTING) throw conflict(`container ${request.id} is restarting, wait until the container is running`);

  const attachId = randomUUID();
  const base = AttachResponse.create({
    registered: true,
    attachId,
    containerId: id,
    tty: docker.config?.Tty ?? false,
    openStdin: docker.config?.OpenStdin ?? false,
  });
  const attach = engine.life.addAttach(id, attachId);
  const stop = engine.life.onExit(id, () => attach.over.resolve());
  const abort = (): void => engine.life.forgetAttach(id, attach);
  ctx.signal.addEventListener('abort', abort, { once: true });
  if (ctx.signal.aborted) abort();
  try {
    emitContainerEvent(engine, id, docker, 'attach');
    const logs = request.logs
      ? offerLogs(engine, id, {
          stdout: request.stdout,
          stderr: request.stderr,
          follow: false,
          timestamps: false,
          details: false,
          tail: -1n,
          since: '',
          until: '',
        })
      : undefined;
    if (!request.stream) {
      yield { ...base, logs };
      return;
    }
    if (isRunning(docker)) attach.socket.resolve(stateOf(docker).socket);
    yield { ...base, logs, ...(isRunning(docker) ? { socket: stateOf(docker).socket } : {}) };
    const socket = await attach.socket.promise;
    if (socket === undefined) return;
    if (!isRunning(docker)) yield { ...base, socket };
    await attach.over.promise;
  } finally {
    stop();
    ctx.signal.removeEventListener('abort', abort);
    engine.life.forgetAttach(id, attach);
  }
}

/** The caller is connected to the monitor. Throws notFound for an attach that is not open. */
export async function attachReady(engine: Needs, _ctx: CallContext, request: AttachReadyRequest): Promise<AttachReadyResponse> {
  if (!engine.life.attachReady(request.attachId)) throw notFound(`no such attach: ${request.attachId}`);
  return {};
}
