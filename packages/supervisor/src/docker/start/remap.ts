import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { Mount } from '@gantry/api/containerd/types/types';
import { type CallContext, conflict, invalidArgument } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import type { JoinedPids, SpecRemap } from '@gantry/spec';
import { formatIds, type IdRemap, mapsOfProcess, sameMaps } from '../../core/userns';
import type { Uses } from '../engine';

type Needs = Uses<{ settings: 'remap'; volumes: 'getVolume' }>;

/** The ids that a container gets; undefined: the host's, by the engine's setting or the container's own. */
export function remapOf(engine: Needs, host: HostConfig | undefined): IdRemap | undefined {
  return host?.UsernsMode === 'host' ? undefined : engine.settings.remap;
}

/** What cannot be had together with a user namespace. Throws invalidArgument with docker's words. */
export function checkRemap(engine: Needs, host: HostConfig): void {
  if (remapOf(engine, host) === undefined) return;
  if (host.Privileged)
    throw invalidArgument(
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
    );
  if (host.NetworkMode === 'host') throw invalidArgument("cannot share the host's network namespace when user namespaces are enabled");
  if (host.PidMode === 'host') throw invalidArgument('cannot share the host PID namespace when user namespaces are enabled');
}

/**
 * A container that joins another one's namespaces joins its user namespace too, which owns them. Volumes that the engine keeps are seen through
 * the map; those whose driver mounts a file system of its own, and directories of the host, are as they are.
 */
export async function specRemap(
  engine: Needs,
  ctx: CallContext,
  docker: DockerContainer,
  joined: JoinedPids,
): Promise<SpecRemap | undefined> {
  const remap = remapOf(engine, docker.hostConfig);
  if (remap === undefined) return undefined;
  if (docker.hostConfig !== undefined) checkRemap(engine, docker.hostConfig); // the setting may be newer than the container
  const others = [...new Set([joined.network, joined.pid, joined.ipc].filter((pid) => pid !== undefined))];
  for (const pid of others) {
    const maps = mapsOfProcess(pid);
    if (maps === undefined || !sameMaps(maps, remap))
      throw conflict(
        `container ${docker.name} cannot join namespaces of a container that has other ids on the host: both need the same --userns`,
      );
  }
  const volumes = new Set<string>();
  for (const mount of docker.mounts) {
    if (mount.type !== 'volume') continue;
    const { volume } = await engine.volumes.getVolume(ctx, { name: mount.name });
    if (volume !== undefined && Object.keys(volume.options).length === 0) volumes.add(mount.destination);
  }
  const [user] = others;
  return { uids: remap.uids, gids: remap.gids, volumes, ...(user === undefined ? {} : { joined: user }) };
}

/** Group of the container's root on the host, when it is not the host's root. */
export function rootGroup(engine: Needs, docker: DockerContainer): number | undefined {
  return remapOf(engine, docker.hostConfig)?.gids.find((range) => range.containerID === 0)?.hostID;
}

/** The mounts of a root file system, seen through the container's map (containerd's options uidmap and gidmap). */
export function remappedRootfs(engine: Needs, docker: DockerContainer): Mount[] {
  const remap = remapOf(engine, docker.hostConfig);
  if (remap === undefined) return docker.rootfs;
  const options = [`uidmap=${formatIds(remap.uids)}`, `gidmap=${formatIds(remap.gids)}`];
  return docker.rootfs.map((mount) => ({ ...mount, options: [...mount.options, ...options] }));
}
