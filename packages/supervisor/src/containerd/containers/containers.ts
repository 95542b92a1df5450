import { isFlushedLater } from '@gantry/api';
import type { Container, ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { type CallContext, failedPrecondition, type Handlers, invalidArgument, isErrorOf, notFound } from '@gantry/rpc';
import { type Records, VIEW_EXTENSION } from '../../core/records';
import type { Tasks } from '../../core/tasks';
import { containerFields } from '../filter/fields';
import { compileFilters } from '@gantry/oci/filter';
import { applyUpdate } from './field-mask';
import type { SnapshotLeases } from './lease';
import { checkContainer } from './validate';

/** What the containers face needs of docker's face. */
export interface DockerContainers {
  /**
   * A client of containerd's face deletes the record of a docker container that has no task: name, network, volumes and record are
   * released and docker's `destroy` is told. The snapshot too, unless the caller keeps it.
   */
  removeFromContainerd(ctx: CallContext, id: string): Promise<void>;
}

export interface ContainersNeeds {
  readonly records: Records;
  readonly tasks: Pick<Tasks, 'state'>;
  readonly leases: SnapshotLeases;
  readonly docker: DockerContainers;
}

/** containerd.services.containers.v1 over the records of both faces. */
export function containersHandlers({ records, tasks, leases, docker }: ContainersNeeds): Handlers<typeof ContainersService> {
  const need = (namespace: string, id: string): Container => {
    const container = records.get(namespace, id);
    if (container === undefined) throw notFound(`container "${id}" in namespace "${namespace}": not found`);
    return container;
  };
  const find = (ctx: CallContext, filters: readonly string[]): Container[] => {
    const matches = compileFilters(filters);
    return records.list(ctx.namespace).filter((container) => matches(containerFields(container)));
  };

  return {
    async get(ctx, { id }) {
      return { container: need(ctx.namespace, id) };
    },
    async list(ctx, { filters }) {
      return { containers: find(ctx, filters) };
    },
    async *listStream(ctx, { filters }) {
      for (const container of find(ctx, filters)) yield { container };
    },
    async create(ctx, { container }) {
      if (container === undefined) throw invalidArgument('container must be set: invalid argument');
      checkContainer(container);
      if (Object.hasOwn(container.extensions, VIEW_EXTENSION))
        throw invalidArgument(`container "${container.id}": extension ${VIEW_EXTENSION} is written by the engine only`);
      if (records.namespaces.get(ctx.namespace) === undefined) records.namespaces.create(ctx.namespace, {});
      await leases.hold(ctx, container);
      try {
        return { container: records.create(ctx.namespace, container, { durable: !isFlushedLater(container.labels) }) };
      } catch (error) {
        if (!isErrorOf(error, 'alreadyExists')) await leases.release(ctx, container.id);
        throw error;
      }
    },
    async update(ctx, { container, updateMask }) {
      if (container === undefined) throw invalidArgument('container must be set: invalid argument');
      const updated = records.update(ctx.namespace, container.id, (current) => {
        const made = applyUpdate(current, container, updateMask);
        checkContainer(made);
        return made;
      });
      if (updated.snapshotKey !== '') await leases.hold(ctx, updated);
      return { container: updated };
    },
    async delete(ctx, { id }) {
      const container = need(ctx.namespace, id);
      await refuseLiveTask(tasks, ctx, id);
      if (Object.hasOwn(container.extensions, VIEW_EXTENSION)) {
        await docker.removeFromContainerd(ctx, id);
      } else {
        records.delete(ctx.namespace, id, { durable: !isFlushedLater(container.labels) });
        await leases.release(ctx, id);
      }
      return {};
    },
  };
}

/** A record that goes while its task lives would leave processes that nobody can name. */
async function refuseLiveTask(tasks: Pick<Tasks, 'state'>, ctx: CallContext, id: string): Promise<void> {
  try {
    await tasks.state(ctx, { id });
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return;
    throw error;
  }
  throw failedPrecondition(`cannot delete container "${id}" with a task: failed precondition`);
}
