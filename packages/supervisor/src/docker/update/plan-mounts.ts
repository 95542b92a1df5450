import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { ContainerConfig, HostConfig, type Mount } from '@gantry/api/gantry/engine/v1/types';
import { conflict, invalidArgument, notFound } from '@gantry/rpc';
import { checkDestination, parseBind } from '@gantry/spec';
import { isRunning } from '../../core/phases';
import { type MountNeeds, type PlannedMount, planMounts } from '../create/mounts';
import type { DockerContainer } from '../records';

export interface MountsAsked {
  /** As -v writes them. */
  readonly binds: readonly string[];
  readonly mounts: readonly Mount[];
  /** Places that are mounted no more. */
  readonly unmount: readonly string[];
}

export interface PlannedChange {
  readonly hostConfig: HostConfig;
  /** All mounts of the next start; those of volumes that are new have no source yet. */
  readonly next: readonly MountRecord[];
  readonly added: readonly PlannedMount[];
  /** Anonymous volumes that are mounted no more: they go with the container. */
  readonly covered: readonly string[];
}

/** What the next start is to mount: now, unless an earlier change waits for it. */
export const mountsAhead = ({ mounts, nextMounts }: Pick<DockerContainer, 'mounts' | 'nextMounts'>): readonly MountRecord[] =>
  nextMounts?.items ?? mounts;

/** What is mounted now where it runs, and what the next start mounts otherwise. */
export const mountsSeen = (docker: DockerContainer): readonly MountRecord[] => (isRunning(docker) ? docker.mounts : mountsAhead(docker));

/** Throws invalidArgument, conflict for what others give the container, notFound for what is not mounted. */
export async function planMountChange(docker: DockerContainer, asked: MountsAsked, needs: MountNeeds): Promise<PlannedChange> {
  const image = asked.mounts.find(({ Type }) => Type === 'image');
  if (image !== undefined)
    throw invalidArgument(
      `invalid mount config for type "image": ${image.Target}: an image can be mounted only when the container is made`,
    );
  let hostConfig = docker.hostConfig ?? HostConfig.create();
  let kept = [...mountsAhead(docker)];
  const covered: string[] = [];
  for (const text of asked.unmount) {
    const destination = checkDestination(text);
    if (!kept.some((mount) => mount.destination === destination))
      throw notFound(`nothing is mounted at ${destination} in container ${docker.name}`);
    if (kept.some((mount) => mount.destination === destination && mount.type === 'image'))
      throw conflict(`the image at ${destination} stays mounted as long as there is container ${docker.name}`);
    const without = forget(hostConfig, destination);
    if (without === undefined)
      throw conflict(
        `the mount at ${destination} comes from the image or another container: it cannot be taken from container ${docker.name}`,
      );
    hostConfig = without;
    covered.push(...kept.filter((mount) => mount.anonymous && mount.destination === destination).map(({ name }) => name));
    kept = kept.filter((mount) => mount.destination !== destination);
  }
  const host = HostConfig.create({ Binds: [...asked.binds], Mounts: [...asked.mounts], VolumeDriver: hostConfig.VolumeDriver });
  const added = await planMounts(host, ContainerConfig.create(), needs);
  for (const { record } of added) {
    const { destination } = record;
    const before = kept.find((mount) => mount.destination === destination);
    if (before === undefined) continue;
    // What the image alone asked for gives way, as it does when a container is made.
    if (!before.anonymous || forget(hostConfig, destination) !== undefined) throw invalidArgument(`Duplicate mount point: ${destination}`);
    covered.push(before.name);
    kept = kept.filter((mount) => mount !== before);
  }
  return {
    hostConfig: { ...hostConfig, Binds: [...hostConfig.Binds, ...asked.binds], Mounts: [...hostConfig.Mounts, ...asked.mounts] },
    next: [...kept, ...added.map(({ record }) => record)],
    added,
    covered,
  };
}

/** The configuration without what it says of a place; undefined when it says nothing. */
function forget(host: HostConfig, destination: string): HostConfig | undefined {
  const at = (path: string): boolean => checkDestination(path) === destination;
  const Binds = host.Binds.filter((text) => !at(parseBind(text).destination));
  const Mounts = host.Mounts.filter(({ Target }) => !at(Target));
  const Tmpfs = Object.fromEntries(Object.entries(host.Tmpfs).filter(([path]) => !at(path)));
  const same =
    Binds.length === host.Binds.length &&
    Mounts.length === host.Mounts.length &&
    Object.keys(Tmpfs).length === Object.keys(host.Tmpfs).length;
  return same ? undefined : { ...host, Binds, Mounts, Tmpfs };
}
