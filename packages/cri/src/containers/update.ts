import { OCI_RESOURCES_TYPE_URL, OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import { ContainerState, type LinuxContainerResources, type UpdateContainerResourcesRequest } from '@gantry/api/runtime/v1/api';
import type { Spec } from '@gantry/oci';
import { type CallContext, notImplemented } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';
import { note } from './note';
import { type Contained, specOf } from './record';
import { resourcesOf } from './resources';
import { stateOf, taskOf } from './settle';

/** Limits of a container that exists: at once where it runs, else at its start. What is zero stays as it is. */
export async function updateResources(
  needs: Needs,
  ctx: CallContext,
  container: Contained,
  request: UpdateContainerResourcesRequest,
): Promise<void> {
  if (request.windows !== undefined) throw notImplemented('windows is not supported');
  if (Object.keys(request.annotations).length > 0) throw notImplemented('annotations are not supported');
  if (request.linux === undefined) return;
  const { id, config, record } = container;
  const resources = merged(config.linux?.resources, request.linux);
  const state = stateOf(container, await taskOf(needs, ctx, id));
  if (state === ContainerState.CONTAINER_RUNNING)
    await needs.services.tasks.update(ctx, {
      containerId: id,
      resources: packJson(OCI_RESOURCES_TYPE_URL, resourcesOf(request.linux)),
      annotations: {},
    });
  const spec = specOf(container);
  const { devices } = spec.linux?.resources ?? {};
  const changed: Spec = {
    ...spec,
    linux: { ...spec.linux, resources: { ...resourcesOf(resources), ...(devices === undefined ? {} : { devices }) } },
  };
  const updated = { ...record, spec: packJson(OCI_SPEC_TYPE_URL, changed) };
  await needs.services.containers.update(ctx, { container: updated, updateMask: ['spec'] });
  const linux = { securityContext: config.linux?.securityContext, resources };
  await note(needs, ctx, { container: { ...container, record: updated }, change: { config: { ...config, linux } } });
}

function merged(before: LinuxContainerResources | undefined, asked: LinuxContainerResources): LinuxContainerResources {
  if (before === undefined) return asked;
  const given = Object.entries(asked).filter(([, value]) =>
    typeof value === 'bigint' ? value !== 0n : typeof value === 'string' ? value !== '' : Object.keys(value as object).length > 0,
  );
  return { ...before, ...(Object.fromEntries(given) as Partial<LinuxContainerResources>) };
}
