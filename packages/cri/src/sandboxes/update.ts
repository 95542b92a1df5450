import { OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import type { UpdatePodSandboxResourcesRequest } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached } from '@gantry/rpc';
import { requirePod } from './find';
import type { Needs } from './needs';
import { extensionsOf } from './pod';
import { podSpec } from './run';

/** What a pod as a whole may use. Its cgroup is kubelet's, which sets it there itself: it is kept and told. */
export async function updatePod(needs: Needs, caller: CallContext, request: UpdatePodSandboxResourcesRequest): Promise<void> {
  const pod = await requirePod(needs, caller, request.podSandboxId);
  const ctx = detached(caller);
  const { sandboxes } = needs.services;
  const { linux } = pod.config;
  const config = {
    ...pod.config,
    linux: {
      cgroupParent: '',
      securityContext: undefined,
      sysctls: {},
      ...linux,
      overhead: request.overhead ?? linux?.overhead,
      resources: request.resources ?? linux?.resources,
    },
  };
  const { sandbox } = await sandboxes.get(ctx, { sandboxId: pod.id });
  if (sandbox === undefined) return;
  const spec = packJson(OCI_SPEC_TYPE_URL, podSpec(config));
  const extensions = { ...sandbox.extensions, ...extensionsOf({ config, facts: pod.facts }) };
  await sandboxes.update(ctx, { sandbox: { ...sandbox, spec, extensions }, fields: ['spec', 'extensions'] });
}
