import type { UpdateRequest, UpdateResponse } from '@gantry/api/gantry/engine/v1/containers';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, conflict, detached, invalidArgument } from '@gantry/rpc';
import { limitsOf, validateResources } from '@gantry/spec';
import { emitContainerEvent, inDockerNamespace } from '../engine';
import { isRunning } from '../../core/phases';
import { unhealthyAction } from '../health/on-failure';
import { asksForEnvironment, changeEnvironment } from './environment';
import { asksForMounts, changeMounts, type MountsNeeds } from './mounts';
import { asksForPorts, changePorts, type PortsNeeds } from './ports';
import { changeDevices, DEVICES } from './device-limits';
import { changeLimits, finishOpenLimits, type LimitsNeeds } from './limits';
import { discardWeights } from '../validate/discard';
import { validateRestartPolicy } from '../validate/validate-restart';

type Needs = LimitsNeeds & PortsNeeds & MountsNeeds;

/** The limits that may change while a container lives. */
const LIMITS = [
  'CpuShares',
  'Memory',
  'BlkioWeight',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpusetCpus',
  'CpusetMems',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
] as const;

/** A limit of the CPU is told in one way only, and a container that removes itself cannot be restarted. */
function refuseConflicts(id: string, present: HostConfig, asked: HostConfig): void {
  const conflicts: readonly (readonly [boolean, string])[] = [
    [asked.NanoCpus > 0n && present.CpuPeriod > 0n, 'Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set'],
    [asked.NanoCpus > 0n && present.CpuQuota > 0n, 'Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set'],
    [asked.CpuPeriod > 0n && present.NanoCpus > 0n, 'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set'],
    [asked.CpuQuota > 0n && present.NanoCpus > 0n, 'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set'],
    [
      present.AutoRemove && (asked.RestartPolicy?.Name ?? '') !== '' && asked.RestartPolicy?.Name !== 'no',
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
    ],
  ];
  for (const [clash, message] of conflicts) if (clash) throw conflict(`Cannot update container ${id}: ${message}`);
}

/** POST /containers/{id}/update: zero and empty values leave a limit as it is. */
export async function updateContainer(engine: Needs, caller: CallContext, request: UpdateRequest): Promise<UpdateResponse> {
  const asked = request.hostConfig;
  if (asked === undefined) throw invalidArgument('no host config was given');
  const { id } = engine.records.requireDocker(request.id);
  const warnings = await engine.queues.run(id, async () => {
    await finishOpenLimits(engine, inDockerNamespace(engine, detached(caller)), id);
    const { docker } = engine.records.requireDocker(id);
    const present = docker.hostConfig ?? HostConfig.create();
    const discarded = discardWeights(asked);
    const changed = Object.fromEntries(LIMITS.map((name) => [name, asked[name]]).filter(([, value]) => value !== 0n && value !== ''));
    const devices = changeDevices(present, asked);
    const next: HostConfig = { ...present, ...changed, ...devices.next };
    if (asked.PidsLimit !== undefined) next.PidsLimit = asked.PidsLimit > 0n ? asked.PidsLimit : 0n; // 0: no limit
    refuseConflicts(id, present, asked);
    if (asked.RestartPolicy !== undefined && asked.RestartPolicy.Name !== '') next.RestartPolicy = asked.RestartPolicy;
    const action = asked.HealthcheckOnFailureAction;
    if (action !== '') next.HealthcheckOnFailureAction = action === 'none' ? '' : action;
    if (asked.Memory > 0n && asked.MemorySwap === 0n && present.MemorySwap > 0n && asked.Memory > present.MemorySwap) {
      throw conflict(
        `Cannot update container ${id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
      );
    }
    validateRestartPolicy(next);
    unhealthyAction(next);
    const notes = [...discarded, ...validateResources(next)];
    const limits = { ...changed, ...devices.apply };
    const members = [...LIMITS, ...DEVICES, 'PidsLimit', 'RestartPolicy', 'HealthcheckOnFailureAction'] as const;
    if (isRunning(docker) && (Object.keys(limits).length > 0 || asked.PidsLimit !== undefined)) {
      const resources = await limitsOf({
        ...HostConfig.create(limits),
        MemorySwap: asked.Memory > 0n || asked.MemorySwap !== 0n ? next.MemorySwap : 0n,
        PidsLimit: asked.PidsLimit === 0n ? -1n : asked.PidsLimit,
      });
      await changeLimits(engine, caller, id, { hostConfig: next, members }, resources);
    } else engine.records.updateDocker(id, (current) => ({ ...current, hostConfig: next }));
    const environment = { set: request.setEnv, unset: request.unsetEnv };
    if (asksForMounts(request)) await changeMounts(engine, caller, id, request);
    if (asksForPorts(request)) notes.push(...(await changePorts(engine, caller, id, request)).warnings);
    if (asksForEnvironment(environment)) changeEnvironment(engine, id, environment);
    return notes;
  });
  emitContainerEvent(engine, id, engine.records.requireDocker(id).docker, 'update');
  return { warnings };
}
