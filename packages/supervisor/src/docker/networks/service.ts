import type { EngineNetworksServiceService } from '@gantry/api/gantry/engine/v1/resources';
import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { Network, NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import {
  alreadyExists,
  type CallContext,
  forbidden,
  type Handlers,
  invalidArgument,
  isErrorOf,
  notFound,
  type ServiceClient,
} from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import type { DockerEvents } from '../events';
import type { DockerRecords } from '../records';
import { checkFilterKeys, labelsMatch, untilTime } from '../filters';
import { checkConnect, checkDisconnect } from './connect-rules';
import { networkFilter } from './list-filter';
import { dockerNetwork } from './shapes';
import { createRequest } from './validate';

/** What connecting needs of the containers engine; both emit docker's network events themselves. */
export interface ContainerNetworks {
  /** Joins a container, running or not, to a network. Serialised with the container's other operations. */
  connect(
    ctx: CallContext,
    join: { readonly container: string; readonly network: Network; readonly settings: EndpointSettings | undefined },
  ): Promise<void>;
  /** Takes a container out of a network. With `force` also when the record does not know of it. */
  disconnect(ctx: CallContext, leave: { readonly container: string; readonly network: Network; readonly force: boolean }): Promise<void>;
  /** Takes a network that is gone off a container's record. */
  forget(container: string, network: string): Promise<void>;
}

export interface NetworksNeeds {
  readonly network: ServiceClient<typeof NetworkServiceService>;
  readonly records: Pick<DockerRecords, 'findDocker' | 'listDocker' | 'requireDocker'>;
  readonly events: Pick<DockerEvents, 'emit'>;
  readonly containers: ContainerNetworks;
  /** Options of networks that are made without them, by driver. */
  readonly defaultOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** gantry.engine.v1.EngineNetworksService: dockerd's rules and words around the network service. */
export function networksHandlers(needs: NetworksNeeds): Handlers<typeof EngineNetworksServiceService> {
  const { network: service, records, events, containers } = needs;

  const need = async (ctx: CallContext, ref: string, { status } = { status: false }): Promise<Network> => {
    if (ref === '') throw invalidArgument('network name or id must not be empty');
    const { network } = await service.getNetwork(ctx, { ref, status });
    if (network === undefined) throw notFound(`network ${ref} not found`);
    return network;
  };
  const tell = (action: 'create' | 'destroy', { id, name, driver }: Network): void => {
    events.emit({ type: 'network', action, id, attributes: { name, type: driver } });
  };
  const remove = async (ctx: CallContext, network: Network): Promise<void> => {
    if (network.predefined) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    if (network.endpoints.length > 0)
      throw forbidden(`error while removing network: network ${network.name} has active endpoints (${endpointsText(network)})`);
    await service.removeNetwork(ctx, { ref: network.id });
    if (!network.configOnly) tell('destroy', network);
  };

  return {
    async listNetworks(ctx, { filters, containers }) {
      const { networks } = await service.listNetworks(ctx, {});
      const wanted = networkFilter(filters, usedNetworks(records, networks));
      return { networks: networks.filter(wanted).map((network) => dockerNetwork(network, { containers })) };
    },
    async inspectNetwork(ctx, { id, scope }) {
      const network = await need(ctx, id, { status: true });
      if (!['', network.scope || 'local'].includes(scope)) throw notFound(`network ${id} not found`);
      return { network: dockerNetwork(network, { containers: true }) };
    },
    async createNetwork(ctx, { network: wanted }) {
      if (wanted === undefined) throw invalidArgument('network must be set');
      const defaults = wanted.ConfigFrom === undefined ? needs.defaultOptions[wanted.Driver || 'bridge'] : {};
      const options = { ...defaults, ...wanted.Options };
      const request = createRequest({ ...wanted, Options: options });
      try {
        const { network, warning } = await service.createNetwork(ctx, request);
        if (network !== undefined) tell('create', network);
        return { id: network?.id ?? '', warning };
      } catch (error) {
        if (isErrorOf(error, 'alreadyExists')) throw alreadyExists(`network with name ${wanted.Name} already exists`, { cause: error });
        throw error;
      }
    },
    async removeNetwork(ctx, { id }) {
      await remove(ctx, await need(ctx, id));
      return {};
    },
    async connectNetwork(ctx, { networkId, containerId, endpointConfig }) {
      const network = await need(ctx, networkId);
      const { id, docker } = records.requireDocker(containerId);
      checkConnect(id, docker, network, endpointConfig);
      await containers.connect(ctx, { container: id, network, settings: endpointConfig });
      return {};
    },
    async disconnectNetwork(ctx, { networkId, containerId, force }) {
      const found = records.findDocker(containerId);
      const network = await need(ctx, networkId).catch((error: unknown) => {
        if (found !== undefined && isErrorOf(error, 'notFound') && (force || !isRunning(found.docker))) return undefined;
        throw error;
      });
      if (network === undefined) {
        await containers.forget(containerId, networkId);
        return {};
      }
      if (found !== undefined) checkDisconnect(found.id, found.docker, network);
      await containers.disconnect(ctx, { container: found?.id ?? containerId, network, force });
      return {};
    },
    async pruneNetworks(ctx, { filters }) {
      checkFilterKeys(filters, ['label', 'label!', 'until']);
      const until = untilTime(filters);
      const { networks } = await service.listNetworks(ctx, {});
      const used = usedNetworks(records, networks);
      const names: string[] = [];
      for (const network of networks) {
        if (
          network.predefined ||
          network.configOnly ||
          used.has(network.id) ||
          network.endpoints.length > 0 ||
          !labelsMatch(network.labels, filters)
        )
          continue;
        if (until !== undefined && Date.parse(network.created) > until) continue;
        try {
          await remove(ctx, network);
          names.push(network.name);
        } catch (error) {
          // taken into use, or removed, since it was listed: prune takes what it can
          if (!isErrorOf(error, 'conflict', 'failedPrecondition', 'forbidden', 'notFound')) throw error;
        }
      }
      events.emit({ type: 'network', action: 'prune', id: '', attributes: { reclaimed: '0' } });
      return { names };
    },
  };
}

/** Ids of the networks that a container names, whether it runs or not. */
function usedNetworks(records: Pick<DockerRecords, 'listDocker'>, networks: readonly Network[]): Set<string> {
  const named = new Set(records.listDocker().flatMap(({ docker }) => Object.keys(docker.endpoints)));
  return new Set(
    networks.filter(({ name, id, endpoints }) => named.has(name) || named.has(id) || endpoints.length > 0).map(({ id }) => id),
  );
}

function endpointsText({ endpoints }: Network): string {
  return endpoints.map(({ name, sandboxId }) => `name:"${name}" id:"${sandboxId.slice(0, 12)}"`).join(', ');
}
