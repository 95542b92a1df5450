import { ListRequest } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import type { CallContext } from '@gantry/rpc';
import { listContainers } from './list';

/** All that a list shows, at once. */
export async function summaries(
  engine: Parameters<typeof listContainers>[0],
  ctx: CallContext,
  request: Partial<ListRequest>,
): Promise<ContainerSummary[]> {
  const all: ContainerSummary[] = [];
  for await (const { containers } of listContainers(engine, ctx, ListRequest.create(request)))
    for (const { summary, status, sizeRw, sizeRootFs } of containers)
      all.push({ ...ContainerSummary.decode(summary), Status: status, SizeRw: sizeRw, SizeRootFs: sizeRootFs });
  return all;
}
