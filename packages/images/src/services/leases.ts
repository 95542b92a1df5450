import { randomBytes } from 'node:crypto';
import type { Lease, LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import type { Collector } from '../gc/collector';
import { compileFilters } from '@gantry/oci/filter';
import type { LeaseRecord, LeaseResource, LeaseTable } from '../store/leases';
import { microsToTimestamp } from '../store/time';

/** containerd.services.leases.v1.Leases. */
export function leaseHandlers(leases: LeaseTable, collector: Collector): Handlers<LeasesService> {
  return {
    create: async (ctx, { id, labels }) => ({
      lease: wireLease(leases.create(ctx, id === '' ? randomBytes(8).toString('hex') : id, labels)),
    }),
    delete: async (ctx, { id, sync }) => {
      leases.delete(ctx, id);
      if (sync) await collector.run({ ungraced: true });
      else collector.soon();
      return {};
    },
    list: async (ctx, { filters }) => ({ leases: leases.list(ctx, compileFilters(filters)).map(wireLease) }),
    addResource: async (ctx, { id, resource }) => {
      leases.add(ctx, id, given(resource));
      return {};
    },
    deleteResource: async (ctx, { id, resource }) => {
      leases.remove(ctx, id, given(resource));
      collector.soon();
      return {};
    },
    listResources: async (ctx, { id }) => ({ resources: leases.resources(ctx, id).map((resource) => ({ ...resource })) }),
  };
}

function given(resource: LeaseResource | undefined): LeaseResource {
  if (resource === undefined) throw invalidArgument('lease resource is missing');
  return { id: resource.id, type: resource.type };
}

function wireLease(lease: LeaseRecord): Lease {
  return { id: lease.id, createdAt: microsToTimestamp(lease.created), labels: lease.labels };
}
