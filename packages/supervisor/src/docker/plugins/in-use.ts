import type { VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, conflict, type ServiceClient } from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import type { DockerRecords } from '../records';

export interface UseNeeds {
  readonly volumes: Pick<ServiceClient<typeof VolumesServiceService>, 'listVolumes'>;
  readonly network: Pick<ServiceClient<typeof NetworkServiceService>, 'listNetworks'>;
  readonly records: Pick<DockerRecords, 'listDocker'>;
}

/** Throws conflict while volumes, networks or running containers need a plugin. It is looked up, not counted: so a crash miscounts nothing. */
export async function checkUnused(needs: UseNeeds, ctx: CallContext, name: string): Promise<void> {
  const names = new Set([name, name.replace(/:latest$/, '')]);
  const logs = needs.records.listDocker().some(({ docker }) => isRunning(docker) && names.has(docker.hostConfig?.LogConfig?.Type ?? ''));
  if (logs) throw inUse(name);
  const { networks } = await needs.network.listNetworks(ctx, {});
  if (networks.some(({ driver, ipamDriver }) => names.has(driver) || names.has(ipamDriver))) throw inUse(name);
  const { volumes } = await needs.volumes.listVolumes(ctx, { filters: {} });
  if (volumes.some(({ driver }) => names.has(driver))) throw inUse(name);
}

const inUse = (name: string): Error => conflict(`plugin ${name} is in use`);
