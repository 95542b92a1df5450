import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { Network } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, conflict, detached, ignore, notFound } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import { inDockerNamespace, type Uses } from '../engine';
import type { ContainerNetworks } from '../networks';
import { joinedContainer } from '../validate/validate-modes';
import { connectOne } from './connect';
import { leaveNetwork, notConnected, rewriteFiles } from './leave';
import { journaled, type NetworkInput, type SettleNeeds, settleNetworks } from './settle';

type Needs = SettleNeeds & Uses<{ network: 'connect'; queues: 'run' }>;

/** docker network connect and disconnect, for containers that run or not. */
export function containerNetworks(engine: Needs): ContainerNetworks {
  return {
    async connect(caller, { container, network, settings }) {
      // A client that goes away leaves a connection that is made whole.
      const ctx = inDockerNamespace(engine, detached(caller));
      const { id } = engine.records.requireDocker(container);
      await engine.queues.run(id, () => connect(engine, ctx, id, network, EndpointSettings.create(settings)));
    },
    async disconnect(caller, { container, network, force }) {
      const ctx = inDockerNamespace(engine, detached(caller));
      const record = engine.records.findDocker(container);
      if (record === undefined) {
        if (!force) throw notFound(`No such container: ${container}`);
        // An endpoint whose container is gone, by the name or id that it had.
        const left = network.endpoints.find((endpoint) => endpoint.name === container || endpoint.sandboxId === container);
        if (left === undefined) throw notFound(`endpoint ${container} not found`);
        await engine.network.disconnect(ctx, { networkRef: network.id, sandboxId: left.sandboxId, force });
        return;
      }
      await engine.queues.run(record.id, () => disconnect(engine, ctx, record.id, network, force));
    },
    forget: (container, name) => forget(engine, engine.records.requireDocker(container).id, name),
  };
}

async function connect(engine: Needs, ctx: CallContext, id: string, network: Network, settings: EndpointSettings): Promise<void> {
  await settleNetworks(engine, ctx, id);
  const { docker } = engine.records.requireDocker(id);
  const mode = docker.hostConfig?.NetworkMode ?? '';
  if (mode === 'host' || mode === 'none' || joinedContainer(mode) !== undefined) {
    throw conflict(
      joinedContainer(mode) !== undefined
        ? 'container sharing network namespace with another container or host cannot be connected to any other network'
        : `cannot connect a container whose network mode is ${mode} to a network`,
    );
  }
  if (docker.endpoints[network.name] !== undefined)
    throw conflict(`endpoint with name ${docker.name} already exists in network ${network.name}`);
  const name = network.name;
  if (!isRunning(docker)) {
    engine.records.updateDocker(id, (current) => ({
      ...current,
      endpoints: { ...current.endpoints, [name]: settings },
      networkOrder: [...current.networkOrder, name],
    }));
    return;
  }
  const entry = engine.journal.begin('connect', id, inputOf(network));
  const { docker: now } = await journaled(engine, ctx, entry, async () => {
    const connected = await connectOne(engine, ctx, { id, docker, pid: stateOf(docker).pid, name, settings, running: true });
    return engine.journal.end(entry, () =>
      engine.records.updateDocker(id, (current) => ({
        ...current,
        endpoints: { ...current.endpoints, [connected.name]: connected.settings },
        networkDrivers: { ...current.networkDrivers, [connected.name]: connected.driver },
        askedMacs: settings.MacAddress === '' ? current.askedMacs : { ...current.askedMacs, [connected.name]: settings.MacAddress },
        networkOrder: [...current.networkOrder, connected.name],
        ports: connected.ports ?? current.ports,
      })),
    );
  });
  rewriteFiles(engine, id, now);
}

const inputOf = ({ id, name, driver }: Network): NetworkInput => ({ id, name, driver });

async function disconnect(engine: Needs, ctx: CallContext, id: string, network: Network, force: boolean): Promise<void> {
  await settleNetworks(engine, ctx, id);
  const { docker } = engine.records.requireDocker(id);
  if (docker.endpoints[network.name] === undefined) {
    if (force) await giveBack(engine, ctx, id, network);
    throw notConnected(id, docker, network.name);
  }
  if (!isRunning(docker)) {
    if (force) await giveBack(engine, ctx, id, network);
    return leaveNetwork(engine, ctx, id, inputOf(network));
  }
  const entry = engine.journal.begin('disconnect', id, inputOf(network));
  await journaled(engine, ctx, entry, () => leaveNetwork(engine, ctx, id, inputOf(network), entry));
}

/** An endpoint that the record does not know of. */
async function giveBack(engine: Needs, ctx: CallContext, sandboxId: string, network: Network): Promise<void> {
  await engine.network.disconnect(ctx, { networkRef: network.id, sandboxId, force: true }).catch(ignore('notFound'));
}

/** The network is gone: a container that still names it, and does not run on it, is told to forget it. */
async function forget(engine: Needs, id: string, name: string): Promise<void> {
  await engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    if (docker.endpoints[name] === undefined) throw notConnected(id, docker, name);
    engine.records.updateDocker(id, (current) => {
      const { [name]: _gone, ...endpoints } = current.endpoints;
      return { ...current, endpoints, networkOrder: current.networkOrder.filter((other) => other !== name) };
    });
  });
}
