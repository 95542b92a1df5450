import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { conflict, type GantryError, internal, invalidArgument } from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import type { Uses } from '../engine';
import type { DockerContainer, DockerRecord } from '../records';
import { dockerStatus } from '../status';
import { joinedContainer } from '../validate/validate-modes';

type Needs = Uses<{ records: 'findDocker' }>;

/** What one container can join of another. */
export type Shared = 'network' | 'PID' | 'IPC';

const modeOf = {
  network: (host) => host.NetworkMode,
  PID: (host) => host.PidMode,
  IPC: (host) => host.IpcMode,
} as const satisfies Record<Shared, (host: HostConfig) => string>;

/**
 * Writes `container:name` as `container:<id>`, so that what is joined stays the same when the other one is renamed and a third one takes its
 * name. A container that is not there (yet) stays as it was asked for.
 */
export function keepJoinedIds(host: HostConfig, find: (ref: string) => DockerRecord | undefined): void {
  const kept = (mode: string): string => {
    const id = find(joinedContainer(mode) ?? '')?.id;
    return id === undefined ? mode : `container:${id}`;
  };
  host.NetworkMode = kept(host.NetworkMode);
  host.PidMode = kept(host.PidMode);
  host.IpcMode = kept(host.IpcMode);
}

/** The container whose namespace is joined; undefined for a container that joins none. Throws in docker's words when it cannot be. */
export function requireJoined(engine: Needs, id: string, docker: DockerContainer, what: Shared): DockerRecord | undefined {
  const ref = docker.hostConfig === undefined ? undefined : joinedContainer(modeOf[what](docker.hostConfig));
  if (ref === undefined) return undefined;
  const other = engine.records.findDocker(ref);
  if (other === undefined) throw cannotJoin[what].missing(`No such container: ${ref}`);
  if (other.id === id) throw internal(`cannot join own ${what} namespace`);
  const status = dockerStatus(other.docker);
  if (status === 'restarting')
    throw cannotJoin[what].restarting(`Container ${other.id} is restarting, wait until the container is running`);
  if (!isRunning(other.docker)) throw cannotJoin[what].stopped(other, status);
  return other;
}

interface Refusals {
  missing(text: string): GantryError;
  restarting(text: string): GantryError;
  stopped(other: DockerRecord, status: string): GantryError;
}

/** Docker answers three namespaces in three ways. */
const cannotJoin: Record<Shared, Refusals> = {
  network: {
    missing: (text) => internal(`joining network namespace of container: ${text}`),
    restarting: (text) => conflict(`cannot join network namespace of container: ${text}`),
    stopped: ({ docker }, status) =>
      conflict(`cannot join network namespace of a non running container: container ${docker.name} is ${status}`),
  },
  PID: {
    missing: (text) => internal(`failed to join PID namespace: ${text}`),
    restarting: (text) => internal(`failed to join PID namespace: ${text}`),
    stopped: ({ id }) => internal(`failed to join PID namespace: container ${id} is not running`),
  },
  IPC: {
    missing: (text) => invalidArgument(`failed to join IPC namespace: ${text}`),
    restarting: (text) => conflict(`failed to join IPC namespace: ${text}`),
    stopped: ({ id }) => conflict(`failed to join IPC namespace: container ${id} is not running`),
  },
};

/**
 * Who made the namespace that a container is in: itself, or the end of the chain of those that it joins. Undefined when the chain is cut (or
 * leads back to itself, which no start gets past).
 */
export function ownerOf(engine: Needs, record: DockerRecord, what: Shared): DockerRecord | undefined {
  const seen = new Set<string>();
  for (let at: DockerRecord | undefined = record; at !== undefined && !seen.has(at.id);) {
    seen.add(at.id);
    const ref: string | undefined = at.docker.hostConfig === undefined ? undefined : joinedContainer(modeOf[what](at.docker.hostConfig));
    if (ref === undefined) return at;
    at = engine.records.findDocker(ref);
  }
  return undefined;
}
