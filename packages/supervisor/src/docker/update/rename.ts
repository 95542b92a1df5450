import type { RenameRequest, RenameResponse } from '@gantry/api/gantry/engine/v1/containers';
import { asGantryError, type CallContext, detached, GantryError, invalidArgument } from '@gantry/rpc';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { checkName } from '../create/names';
import { takeName } from '../create/take-name';
import { isRunning } from '../../core/phases';
import { journaled, type SettleNeeds, tellName } from '../connect/settle';

type Needs = SettleNeeds & Uses<{ records: 'getDocker' | 'names' | 'transaction' | 'updateDocker'; queues: 'run'; logger: 'warn' }>;

/** POST /containers/{id}/rename. A running container is resolved under its new name at once. */
export async function renameContainer(engine: Needs, caller: CallContext, request: RenameRequest): Promise<RenameResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const ctx = inDockerNamespace(engine, detached(caller));
  if (request.name === '') throw invalidArgument('Neither old nor new names may be empty');
  const name = inWords(() => checkName(request.name.startsWith('/') ? request.name : `/${request.name}`));
  await engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    if (docker.name === name) throw invalidArgument('Renaming a container with the same name as its current name');
    // The new name is true with its record; the network service is told of it, however often that fails.
    const entry = engine.records.transaction(() => {
      inWords(() => takeName(engine, name, id));
      engine.records.names.releaseName(docker.name, id);
      engine.records.updateDocker(id, (current) => ({ ...current, name }));
      return isRunning(docker) && docker.networkOrder.length > 0 ? engine.journal.begin('rename', id, {}) : undefined;
    });
    if (entry !== undefined)
      await journaled(engine, ctx, entry, () => tellName(engine, ctx, entry)).catch((error: unknown) => {
        engine.logger.warn({ err: error, container: id }, 'the network service did not take the new name');
      });
    emitContainerEvent(engine, id, { ...docker, name }, 'rename', { oldName: `/${docker.name}` });
  });
  return {};
}

/** Docker's words around what is wrong with the new name. */
function inWords<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    const failure = asGantryError(error);
    throw new GantryError(failure.kind, `Error when allocating new name: ${failure.message}`, { cause: error, meta: failure.meta });
  }
}
