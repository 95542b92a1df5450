import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import type { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { type CallContext, ignore, type ServiceClient } from '@gantry/rpc';

/** Keeps a container's snapshot from being collected for as long as the record stands. */
export interface SnapshotLeases {
  /** Before the record is written. Repeated: no change. */
  hold(ctx: CallContext, container: Container): Promise<void>;
  /** After the record is gone. A missing lease is fine. */
  release(ctx: CallContext, id: string): Promise<void>;
}

/** On every lease that keeps a container's snapshot: the container's id. */
export const CONTAINER_LABEL = 'gantry.io/container';

const leaseId = (id: string): string => `gantry.container.${id}`;

/** Leases in the images service, one for each container record, in the container's own namespace. */
export function snapshotLeases(leases: ServiceClient<typeof LeasesService>): SnapshotLeases {
  /** The caller's own lease must not be passed on: it would hold ours. */
  const ownCall = (ctx: CallContext): CallContext => {
    const { lease: _callers, ...rest } = ctx;
    return rest;
  };
  return {
    async hold(ctx, container) {
      if (container.snapshotKey === '') return;
      const call = ownCall(ctx);
      const id = leaseId(container.id);
      await leases.create(call, { id, labels: { [CONTAINER_LABEL]: container.id } }).catch(ignore('alreadyExists'));
      await leases.addResource(call, { id, resource: { id: container.snapshotKey, type: `snapshots/${container.snapshotter}` } });
    },
    async release(ctx, id) {
      await leases.delete(ownCall(ctx), { id: leaseId(id), sync: false }).catch(ignore('notFound'));
    },
  };
}
