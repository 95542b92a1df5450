import { writeFileSync } from 'node:fs';
import { type CallContext, internal, isErrorOf } from '@gantry/rpc';
import type { JournalEntry } from '../../core/journal';
import { patiently } from '../../core/patience';
import { isRunning } from '../../core/phases';
import type { Uses } from '../engine';
import type { DockerContainer } from '../records';
import { networkFiles, resolvConf, writeHosts } from '../start/files';
import { portsOf } from './connect';
import type { NetworkInput } from './settle';

type FilesNeeds = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf';
  records: 'findDocker' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
}>;
type Needs = FilesNeeds & Uses<{ events: 'emit'; journal: 'end'; network: 'disconnect' }>;

/** Takes a container's endpoint on a network away, and the network off its record; does what was done already without complaint. `entry`: what the journal has of it. */
export async function leaveNetwork(
  engine: Needs,
  ctx: CallContext,
  id: string,
  network: NetworkInput,
  entry?: JournalEntry,
): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  let ports: DockerContainer['ports'] | undefined;
  if (isRunning(docker)) {
    try {
      const { router } = await patiently(() => engine.network.disconnect(ctx, { networkRef: network.id, sandboxId: id, force: true }));
      ports = portsOf(router);
    } catch (error) {
      if (!isErrorOf(error, 'notFound')) throw error;
    }
  }
  const update = (): DockerContainer =>
    engine.records.updateDocker(id, (current) => {
      const { [network.name]: _gone, ...endpoints } = current.endpoints;
      const { [network.name]: _asked, ...askedMacs } = current.askedMacs;
      // The published ports move to an endpoint that leads outside, if one is left, and may be others there.
      return {
        ...current,
        endpoints,
        askedMacs,
        networkOrder: current.networkOrder.filter((name) => name !== network.name),
        ports: ports ?? current.ports,
      };
    }).docker;
  const now = entry === undefined ? update() : engine.journal.end(entry, update);
  if (isRunning(now)) rewriteFiles(engine, id, now);
  engine.events.emit({
    type: 'network',
    action: 'disconnect',
    id: network.id,
    attributes: { container: id, name: network.name, type: network.driver },
  });
}

export function notConnected(id: string, docker: DockerContainer, name: string): Error {
  return internal(`container ${id} is not connected to ${isRunning(docker) ? '' : 'the '}network ${name}`);
}

/** hosts and resolv.conf follow the networks of a running container; their inodes stay, they are mounted. */
export function rewriteFiles(engine: FilesNeeds, id: string, docker: DockerContainer): void {
  writeHosts(engine, id, docker, docker.hostGatewayIps);
  writeFileSync(networkFiles(engine, id).resolvConf, resolvConf(engine, docker));
}
