import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import type { Handlers } from '@gantry/rpc';
import { invalidArgument } from '@gantry/rpc';
import { connect } from '../operations/connect';
import { createNetwork } from '../operations/create-network';
import { disconnect } from '../operations/disconnect';
import { findNetwork } from '../operations/find-network';
import type { Parts } from '../operations/parts';
import { driverOf, hasEmbeddedDns, networkOf } from '../operations/parts';
import { hasGateway, leadsOutside } from '../operations/ranking';
import { moveSandbox } from '../operations/move-sandbox';
import { reconcile } from '../operations/reconcile';
import { releaseSandbox } from '../operations/release-sandbox';
import { removeNetwork } from '../operations/remove-network';
import { renameSandbox } from '../operations/rename-sandbox';
import { setPorts } from '../operations/set-ports';
import type { Status } from '../operations/status';
import { parseWish } from '../ports/port';
import type { EndpointRecord, NetworkRecord } from '../store/record';
import { endpointMessage, networkMessage } from './wire';

/** gantry.network.v1 over the operations. What was begun is finished, whether the caller stays or not. */
export function networkHandlers(parts: Parts, status: () => Promise<Status>): Handlers<NetworkServiceService> {
  const whole = (ref: string, status = false) => {
    const network = findNetwork(parts, ref);
    return networkMessage(parts, network, parts.store.endpointsOfNetwork(network.id), { status });
  };
  return {
    createNetwork: async (ctx, request) => {
      const network = await createNetwork(parts, {
        ...request,
        enableIpv4: request.enableIpv4 ?? true,
        enableIpv6: request.enableIpv6 ?? false,
        operationId: ctx.operationId,
      });
      return { network: networkMessage(parts, network, []), warning: '' };
    },
    getNetwork: (_ctx, request) => Promise.resolve().then(() => ({ network: whole(request.ref, request.status) })),
    listNetworks: () => Promise.resolve({ networks: parts.store.networks().map((network) => whole(network.id)) }),
    removeNetwork: async (_ctx, request) => ({ network: networkMessage(parts, await removeNetwork(parts, request.ref), []) }),
    connect: async (ctx, request) => {
      if (request.containerName === '') throw invalidArgument(`sandbox ${request.sandboxId} has no container name`);
      const { network, endpoint } = await connect(parts, {
        ...request,
        gatewayPriority: Number(request.gatewayPriority),
        ports: request.ports.map(parseWish),
        operationId: ctx.operationId,
      });
      return {
        endpoint: endpointMessage(parts, network, endpoint),
        embeddedDns: hasEmbeddedDns(parts, network),
        warnings: unpublished(parts, network, endpoint, request.ports.length),
      };
    },
    disconnect: async (_ctx, request) => {
      const router = await disconnect(parts, request);
      return { router: router && endpointMessage(parts, networkOf(parts, router), router) };
    },
    releaseSandbox: async (_ctx, request) => {
      await releaseSandbox(parts, request.sandboxId);
      return {};
    },
    reconcile: async (_ctx, request) => ({ releasedSandboxIds: await reconcile(parts, request.sandboxes, request.owner) }),
    getStatus: () => status(),
    setPorts: async (_ctx, { sandboxId, ports }) => {
      const router = await setPorts(parts, { sandboxId, ports: ports.map(parseWish) });
      return { router: router && endpointMessage(parts, networkOf(parts, router), router) };
    },
    moveSandbox: async (_ctx, request) => {
      await moveSandbox(parts, request.sandboxId, request.netnsPath);
      return {};
    },
    renameSandbox: async (_ctx, request) => {
      await renameSandbox(parts, request.sandboxId, request.containerName);
      return {};
    },
  };
}

/** dockerd takes published ports on such networks and does nothing with them; we at least say so. */
function unpublished(parts: Parts, network: NetworkRecord, endpoint: EndpointRecord, asked: number): string[] {
  const { discards } = driverOf(parts, network).traits;
  if (asked === 0) return [];
  if (discards !== undefined) return [discards(network.name)];
  return leadsOutside(parts, network) && hasGateway(endpoint)
    ? []
    : [`Published ports are discarded on network ${network.name}, which has no way out`];
}
