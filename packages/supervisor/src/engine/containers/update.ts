import { OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import type { UpdateRequest, UpdateResponse } from '@gantry/api/gantry/engine/v1/containers';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, conflict, invalidArgument } from '@gantry/rpc';
import { limitsOf } from '../../spec';
import { emitContainerEvent, type Engine, inDockerNamespace } from './engine';
import { isRunning } from './state';
import { validateResources } from './validate-host-config';
import { validateRestartPolicy } from './validate-restart';

/** The limits that may change while a container lives. */
const LIMITS = [
  'CpuShares', 'Memory', 'BlkioWeight', 'CpuPeriod', 'CpuQuota', 'CpuRealtimePeriod', 'CpuRealtimeRuntime', 'CpusetCpus', 'CpusetMems', 'MemoryReservation', 'MemorySwap',
  'NanoCpus',
] as const;
/** Type URL of LinuxResources (JSON) in Task.Update, containerd's. */
const RESOURCES_TYPE_URL = OCI_SPEC_TYPE_URL.replace(/\/Spec$/, '/LinuxResources');

/** POST /containers/{id}/update: zero and empty values leave a limit as it is. */
export async function updateContainer(engine: Engine, caller: CallContext, request: UpdateRequest): Promise<UpdateResponse> {
  const asked = request.hostConfig;
  if (asked === undefined) throw invalidArgument('no host config was given');
  const { id } = engine.records.requireDocker(request.id);
  const warnings = await engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    const present = docker.hostConfig ?? HostConfig.create();
    const changed = Object.fromEntries(LIMITS.map((name) => [name, asked[name]]).filter(([, value]) => value !== 0n && value !== ''));
    const next: HostConfig = { ...present, ...changed };
    if (asked.PidsLimit !== undefined && asked.PidsLimit !== 0n) next.PidsLimit = asked.PidsLimit > 0n ? asked.PidsLimit : undefined;
    // A new kind of CPU limit replaces the other.
    if (asked.NanoCpus > 0n) Object.assign(next, { CpuPeriod: 0n, CpuQuota: 0n });
    else if (asked.CpuPeriod > 0n || asked.CpuQuota > 0n) next.NanoCpus = 0n;
    if (asked.RestartPolicy !== undefined && asked.RestartPolicy.Name !== '') next.RestartPolicy = asked.RestartPolicy;
    if (asked.Memory > 0n && asked.MemorySwap === 0n && present.MemorySwap > 0n && asked.Memory > present.MemorySwap) {
      throw conflict('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
    }
    validateRestartPolicy(next);
    const notes = validateResources(next);
    if (isRunning(docker) && (Object.keys(changed).length > 0 || (asked.PidsLimit ?? 0n) !== 0n)) {
      const resources = await limitsOf({ ...HostConfig.create(changed), MemorySwap: asked.Memory > 0n || asked.MemorySwap !== 0n ? next.MemorySwap : 0n, PidsLimit: asked.PidsLimit });
      await engine.tasks.update(inDockerNamespace(engine, caller), { id, resources: packJson(RESOURCES_TYPE_URL, resources) });
    }
    engine.records.updateDocker(id, (current) => ({ ...current, hostConfig: next }));
    return notes;
  });
  emitContainerEvent(engine, id, engine.records.requireDocker(id).docker, 'update');
  return { warnings };
}
