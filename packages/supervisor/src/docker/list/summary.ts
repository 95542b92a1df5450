import { randomUUID } from 'node:crypto';
import { ContainerSummary, type Port } from '@gantry/api/gantry/engine/v1/types';
import type { DockerContainer, DockerRecord } from '../records';
import { dockerStatus } from '../status';
import { manifestDescriptor, shownMounts, shownPorts } from '../inspect/inspect';

/** A row of a list as it travels. */
export interface Row {
  readonly row: number;
  readonly summary: Buffer;
}

interface Written extends Row {
  readonly linked: string;
  readonly image: string;
}

/** Rows that this process has written: by docker's view, which is never changed in place, so that a row goes with it. */
const written = new WeakMap<DockerContainer, Written>();
let rows = 0;

/** Numbers of rows are this process' own. */
export const EPOCH = randomUUID();

/**
 * One row of GET /containers/json without what the clock changes: the same one until the container is changed. `linked` are its names by links, and `image` how its
 * image is shown now.
 */
export function rowOf({ id, docker }: DockerRecord, linked: readonly string[], image: string): Row {
  const known = written.get(docker);
  const links = linked.join(' ');
  if (known?.linked === links && known.image === image) return known;
  const names = [`/${docker.name}`, ...linked].sort((a, b) => (a < b ? -1 : 1));
  const summary = Buffer.from(ContainerSummary.encode(summaryOf({ id, docker }, names, image)).finish());
  const made = { row: ++rows, summary, linked: links, image };
  written.set(docker, made);
  return made;
}

function summaryOf({ id, docker }: DockerRecord, names: string[], image: string): ContainerSummary {
  return {
    Id: id,
    Names: names,
    Image: image,
    ImageID: docker.imageId,
    ImageManifestDescriptor: manifestDescriptor(docker),
    Command: [...(docker.config?.Entrypoint?.items ?? []), ...(docker.config?.Cmd?.items ?? [])].map(quoted).join(' '),
    Created: BigInt(Math.floor(Date.parse(docker.created) / 1000)),
    Ports: portsOf(shownPorts(docker)),
    Labels: docker.config?.Labels ?? {},
    State: dockerStatus(docker),
    Status: '',
    HostConfig: { NetworkMode: docker.hostConfig?.NetworkMode ?? '', Annotations: docker.hostConfig?.Annotations ?? {} },
    NetworkSettings: { Networks: docker.endpoints },
    Health: { Status: docker.health?.Status || 'none', FailingStreak: docker.health?.FailingStreak ?? 0n },
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
