import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { type Network, SandboxNamespace } from '@gantry/api/gantry/network/v1/network';
import { conflict, forbidden, invalidArgument } from '@gantry/rpc';
import { Phase } from '../../core/phases';
import type { DockerContainer } from '../records';
import { joinedContainer } from '../validate/validate-modes';
import { endpointFaults, listed } from './endpoint-faults';

/** The key under which a container's view has a network: its name, or what the client called it at creation. */
function endpointKey(docker: DockerContainer, network: Network): string | undefined {
  return Object.entries(docker.endpoints).find(
    ([name, settings]) => name === network.name || name === network.id || settings.NetworkID === network.id,
  )?.[0];
}

/** dockerd's rules for joining one more network. Throws its errors. */
export function checkConnect(id: string, docker: DockerContainer, network: Network, settings: EndpointSettings | undefined): void {
  refuseRemoval(id, docker);
  const mode = docker.hostConfig?.NetworkMode ?? '';
  const shares = (): Error =>
    invalidArgument('container sharing network namespace with another container or host cannot be connected to any other network');
  if (joinedContainer(mode) !== undefined) throw shares();
  checkSettings(network, settings);
  if (endpointKey(docker, network) !== undefined)
    throw forbidden(`endpoint with name ${docker.name} already exists in network ${network.name}`);
  if (network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_HOST)
    throw invalidArgument('cannot connect container to host network - container must be created in host network mode');
  if (mode === 'host') throw shares();
  if (
    network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_ISOLATED ||
    (mode === 'none' && Object.keys(docker.endpoints).length > 0)
  ) {
    throw invalidArgument('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
}

/** What an endpoint may ask of a network. All that is wrong is told at once. */
function checkSettings(network: Network, settings: EndpointSettings | undefined): void {
  const faults = settings === undefined ? [] : endpointFaults(settings, network.predefined, network);
  if (faults.length > 0) throw invalidArgument(`invalid endpoint settings:\n${listed(faults)}`);
}

/** The same for leaving one. */
export function checkDisconnect(id: string, docker: DockerContainer, network: Network): void {
  refuseRemoval(id, docker);
  if (docker.hostConfig?.NetworkMode === 'host' && network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_HOST)
    throw invalidArgument('cannot disconnect container from host network - container was created in host network mode');
}

function refuseRemoval(id: string, docker: DockerContainer): void {
  const phase = docker.state?.phase;
  if (phase === Phase.PHASE_REMOVING || phase === Phase.PHASE_DEAD)
    throw conflict(`container ${id} is marked for removal and cannot be connected or disconnected to the network`);
}
