import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { Network } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, isErrorOf, suboperation } from '@gantry/rpc';
import type { DockerContainer } from '../../records';
import { connectOne, portRequests } from '../containers/connect';
import { type Engine, inDockerNamespace } from '../containers/engine';
import { checkConnect, checkDisconnect, isLive } from './connect-rules';
import type { ContainerNetworks } from './service';

/**
 * Connects and disconnects containers: at once while they run, else the record says what the next start connects. An operation takes
 * its turn in the container's queue.
 */
export function containerNetworks(engine: Engine): ContainerNetworks {
  return {
    connect(ctx, { container, network, settings }) {
      const { id } = engine.records.requireDocker(container);
      return engine.queues.run(id, () => connect(engine, inDockerNamespace(engine, ctx), { id, network, settings }));
    },
    disconnect(ctx, { container, network, force }) {
      const found = engine.records.findDocker(container);
      if (found === undefined && force) return disconnectStale(engine, inDockerNamespace(engine, ctx), container, network);
      const { id } = engine.records.requireDocker(container);
      return engine.queues.run(id, () => disconnect(engine, inDockerNamespace(engine, ctx), { id, network, force }));
    },
  };
}

async function connect(engine: Engine, ctx: CallContext, join: { id: string; network: Network; settings: EndpointSettings | undefined }): Promise<void> {
  const { id, network } = join;
  const { docker } = engine.records.requireDocker(id);
  checkConnect(id, docker, network, join.settings);
  let settings = EndpointSettings.fromPartial({ ...join.settings, NetworkID: network.id });
  let ports = docker.ports;
  if (isLive(docker)) {
    const first = docker.networkOrder.length === 0;
    const connected = await connectOne(engine, ctx, {
      id, docker, pid: docker.state?.pid ?? 0, name: network.name, settings, ports: first ? portRequests(docker) : [], first,
    });
    settings = connected.settings;
    ports = { ...ports, ...connected.ports };
  }
  try {
    engine.records.updateDocker(id, (current) => ({
      ...current,
      ports,
      endpoints: { ...current.endpoints, [network.name]: settings },
      networkOrder: [...current.networkOrder, network.name],
    }));
  } catch (error) {
    if (isLive(docker)) await engine.network.disconnect(suboperation(ctx, 'undo'), { networkRef: network.id, sandboxId: id, force: true });
    throw error;
  }
}

async function disconnect(engine: Engine, ctx: CallContext, leave: { id: string; network: Network; force: boolean }): Promise<void> {
  const { id, network } = leave;
  const { docker } = engine.records.requireDocker(id);
  const key = checkDisconnect(id, docker, network);
  if (isLive(docker)) {
    await engine.network.disconnect(suboperation(ctx, 'disconnect'), { networkRef: network.id, sandboxId: id, force: leave.force }).catch((error: unknown) => {
      if (!isErrorOf(error, 'notFound')) throw error; // given back already: the record follows
    });
  }
  engine.records.updateDocker(id, (current) => without(current, key));
  tellDisconnected(engine, network, id);
}

/** The view without one endpoint; its ports go when it was the one that published them. */
function without(docker: DockerContainer, key: string): DockerContainer {
  const { [key]: _left, ...endpoints } = docker.endpoints;
  const ports = docker.networkOrder[0] === key ? {} : docker.ports;
  return { ...docker, endpoints, ports, networkOrder: docker.networkOrder.filter((name) => name !== key) };
}

/** `disconnect -f` of a container that is gone: what the network service still holds in its name is given back. */
async function disconnectStale(engine: Engine, ctx: CallContext, container: string, network: Network): Promise<void> {
  const stale = network.endpoints.find(({ name, sandboxId }) => name === container || sandboxId === container);
  if (stale === undefined) {
    engine.records.requireDocker(container);
    return;
  }
  await engine.network.disconnect(suboperation(ctx, 'disconnect'), { networkRef: network.id, sandboxId: stale.sandboxId, force: true });
  tellDisconnected(engine, network, stale.sandboxId);
}

function tellDisconnected(engine: Engine, { id, name, driver }: Network, container: string): void {
  engine.events.emit({ type: 'network', action: 'disconnect', id, attributes: { container, name, type: driver } });
}
