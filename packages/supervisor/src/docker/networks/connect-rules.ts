import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { type Network, SandboxNamespace } from '@gantry/api/gantry/network/v1/network';
import { conflict, forbidden, invalidArgument } from '@gantry/rpc';
import { Phase } from '../../core/phases';
import type { DockerContainer } from '../records';

/** The key under which a container's view has a network: its name, or what the client called it at creation. */
function endpointKey(docker: DockerContainer, network: Network): string | undefined {
  return Object.entries(docker.endpoints).find(
    ([name, settings]) => name === network.name || name === network.id || settings.NetworkID === network.id,
  )?.[0];
}

/** dockerd's rules for joining one more network. Throws its errors. */
export function checkConnect(id: string, docker: DockerContainer, network: Network, settings: EndpointSettings | undefined): void {
  refuseRemoval(id, docker);
  if (network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_HOST)
    throw invalidArgument('container cannot be disconnected from host network or connected to host network');
  const mode = docker.hostConfig?.NetworkMode ?? '';
  if (mode === 'host' || mode.startsWith('container:')) {
    throw invalidArgument('container sharing network namespace with another container or host cannot be connected to any other network');
  }
  if (
    network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_ISOLATED ||
    (mode === 'none' && Object.keys(docker.endpoints).length > 0)
  ) {
    throw invalidArgument('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (endpointKey(docker, network) !== undefined)
    throw forbidden(`endpoint with name ${docker.name} already exists in network ${network.name}`);
  if (!network.predefined || settings === undefined) return;
  const ipam = settings.IPAMConfig;
  if (ipam !== undefined && (ipam.IPv4Address !== '' || ipam.IPv6Address !== ''))
    throw invalidArgument('user specified IP address is supported on user defined networks only');
  if (settings.Aliases.length > 0) throw invalidArgument('network-scoped alias is supported only for containers in user defined networks');
}

/** The same for leaving one. */
export function checkDisconnect(id: string, docker: DockerContainer, network: Network): void {
  refuseRemoval(id, docker);
  if (network.sandboxNamespace === SandboxNamespace.SANDBOX_NAMESPACE_HOST)
    throw invalidArgument('container cannot be disconnected from host network or connected to host network');
}

function refuseRemoval(id: string, docker: DockerContainer): void {
  const phase = docker.state?.phase;
  if (phase === Phase.PHASE_REMOVING || phase === Phase.PHASE_DEAD)
    throw conflict(`container ${id} is marked for removal and cannot be connected or disconnected to the network`);
}
