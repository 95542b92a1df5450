import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { Network } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, conflict, internal, isErrorOf, notFound } from '@gantry/rpc';
import type { ContainerNetworks } from '../networks';
import type { DockerContainer } from '../records';
import { connectOne, portsOf } from './connect';
import { inDockerNamespace, type Uses } from '../engine';
import { writeHosts, resolvConf, networkFiles } from '../start/files';
import { writeFileSync } from 'node:fs';
import { isRunning, stateOf } from '../../core/phases';
import { joinedContainer } from '../validate/validate-modes';

type Needs = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch';
  records: 'dockerNamespace' | 'findDocker' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  network: 'connect' | 'disconnect';
  queues: 'run';
}>;

/** docker network connect and disconnect, for containers that run or not. */
export function containerNetworks(engine: Needs): ContainerNetworks {
  return {
    async connect(caller, { container, network, settings }) {
      const ctx = inDockerNamespace(engine, caller);
      const { id } = engine.records.requireDocker(container);
      await engine.queues.run(id, () => connect(engine, ctx, id, network, EndpointSettings.create(settings)));
    },
    async disconnect(caller, { container, network, force }) {
      const ctx = inDockerNamespace(engine, caller);
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
  const connected = await connectOne(engine, ctx, { id, docker, pid: stateOf(docker).pid, name, settings, running: true });
  const { docker: now } = engine.records.updateDocker(id, (current) => ({
    ...current,
    endpoints: { ...current.endpoints, [connected.name]: connected.settings },
    networkDrivers: { ...current.networkDrivers, [connected.name]: connected.driver },
    networkOrder: [...current.networkOrder, connected.name],
    ports: connected.ports ?? current.ports,
  }));
  rewriteFiles(engine, id, now);
}

async function disconnect(engine: Needs, ctx: CallContext, id: string, network: Network, force: boolean): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  const settings = docker.endpoints[network.name];
  if (settings === undefined && !force) throw notConnected(id, docker, network.name);
  let ports: DockerContainer['ports'] | undefined;
  if (isRunning(docker) || force) {
    try {
      const { router } = await engine.network.disconnect(ctx, { networkRef: network.id, sandboxId: id, force });
      ports = portsOf(router);
    } catch (error) {
      if (!isErrorOf(error, 'notFound')) throw error;
    }
  }
  if (settings === undefined) throw notConnected(id, docker, network.name);
  const { docker: now } = engine.records.updateDocker(id, (current) => {
    const { [network.name]: _gone, ...endpoints } = current.endpoints;
    // The published ports move to an endpoint that leads outside, if one is left, and may be others there.
    return {
      ...current,
      endpoints,
      networkOrder: current.networkOrder.filter((name) => name !== network.name),
      ports: ports ?? current.ports,
    };
  });
  if (isRunning(now)) rewriteFiles(engine, id, now);
  engine.events.emit({
    type: 'network',
    action: 'disconnect',
    id: network.id,
    attributes: { container: id, name: network.name, type: network.driver },
  });
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

function notConnected(id: string, docker: DockerContainer, name: string): Error {
  return internal(`container ${id} is not connected to ${isRunning(docker) ? '' : 'the '}network ${name}`);
}

/** hosts and resolv.conf follow the networks of a running container; their inodes stay, they are mounted. */
function rewriteFiles(engine: Needs, id: string, docker: Parameters<typeof writeHosts>[2]): void {
  writeHosts(engine, id, docker, docker.hostGatewayIp);
  writeFileSync(networkFiles(engine, id).resolvConf, resolvConf(engine, docker));
}
