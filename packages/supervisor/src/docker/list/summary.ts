import type { ContainerSummary, Port } from '@gantry/api/gantry/engine/v1/types';
import type { DockerRecord } from '../records';
import { dockerStatus } from '../status';
import { manifestDescriptor, shownMounts, shownPorts } from '../inspect/inspect';
import { statusText } from './status-text';

/** One row of GET /containers/json. */
export function summaryOf({ id, docker }: DockerRecord, names: string[], now: number): ContainerSummary {
  return {
    Id: id,
    Names: names,
    Image: docker.config?.Image ?? '',
    ImageID: docker.imageId,
    ImageManifestDescriptor: manifestDescriptor(docker),
    Command: [...(docker.config?.Entrypoint?.items ?? []), ...(docker.config?.Cmd?.items ?? [])].map(quoted).join(' '),
    Created: BigInt(Math.floor(Date.parse(docker.created) / 1000)),
    Ports: portsOf(shownPorts(docker)),
    Labels: docker.config?.Labels ?? {},
    State: dockerStatus(docker),
    Status: statusText(docker, now),
    HostConfig: { NetworkMode: docker.hostConfig?.NetworkMode ?? '', Annotations: docker.hostConfig?.Annotations ?? {} },
    NetworkSettings: { Networks: docker.endpoints },
    Mounts: shownMounts(docker),
  };
}

/** An argument with spaces in quotes, as docker shows commands. */
function quoted(argument: string): string {
  return argument.includes(' ') ? `'${argument}'` : argument;
}

function portsOf(shown: ReturnType<typeof shownPorts>): Port[] {
  return Object.entries(shown).flatMap(([name, { items }]) => {
    const [port = '0', type = 'tcp'] = name.split('/');
    const base = { PrivatePort: Number(port), Type: type };
    return items.length === 0
      ? [{ ...base, IP: '', PublicPort: 0 }]
      : items.map(({ HostIp, HostPort }) => ({ ...base, IP: HostIp, PublicPort: Number(HostPort) }));
  });
}
