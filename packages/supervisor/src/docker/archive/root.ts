import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { Mount } from '@gantry/api/containerd/types/types';
import { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { parseJson, type Spec } from '@gantry/oci';
import { isRunning, stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';
import { type IdMaps, mapsOfProcess } from '../../core/userns';
import { bundleDir } from '../../core/places';
import type { Uses } from '../engine';
import { networkFiles } from '../start/files';
import { ownerOf } from '../connect/joined';
import type { ViewSpec } from '../looks';
import { mountsSeen } from '../update/plan-mounts';

/** What whoever looks into a container's files asks the engine for. */
export type ViewNeeds = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf' | 'runRoot';
  records: 'dockerNamespace' | 'findDocker' | 'get' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  face: 'namespace';
  queues: 'run';
  looks: 'look';
}>;

/** A pinned root file system. `close` must be called once. */
export interface PinnedRoot {
  /** O_PATH descriptor of the root directory. */
  readonly fd: number;
  /** Set when the files are seen with ids of the host: those of the container. */
  readonly ids: IdMaps | undefined;
  close(): void;
}

/** Where volumes that plugins keep are mounted, by where the container has them. */
export type Places = ReadonlyMap<string, string>;

/** What a root is made of, and whose ids it shows. */
export interface View {
  readonly spec: ViewSpec;
  readonly ids: IdMaps | undefined;
}

/**
 * The root for reading, as docker has it: the container's layers with its volumes and the engine's own files, without /proc, /sys, /dev and what
 * the container mounted itself.
 */
export function readingView(engine: ViewNeeds, id: string, places: Places): View {
  const { docker } = engine.records.requireDocker(id);
  return viewOf(engine, id, docker, mountsIn(engine, id, docker, places), false);
}

/** The layers alone, without anything mounted on them: what export packs. */
export function bareRoot(engine: ViewNeeds, id: string): Promise<PinnedRoot> {
  const { docker } = engine.records.requireDocker(id);
  return open(engine, id, viewOf(engine, id, docker, [], false));
}

/** Runs fn with the root for writing; a stopped container cannot start or go meanwhile. */
export async function withWritableRoot<T>(engine: ViewNeeds, id: string, places: Places, fn: (root: PinnedRoot) => Promise<T>): Promise<T> {
  const run = async (): Promise<T> => {
    const { docker } = engine.records.requireDocker(id);
    const root = await open(engine, id, viewOf(engine, id, docker, mountsIn(engine, id, docker, places), true));
    try {
      return await fn(root);
    } finally {
      root.close();
    }
  };
  return isRunning(engine.records.requireDocker(id).docker) ? run() : engine.queues.run(id, run);
}

/** A running container's layers are mounted already, in its bundle; those of a stopped one are mounted for this view. */
function viewOf(engine: ViewNeeds, id: string, docker: DockerContainer, mounts: readonly MountRecord[], writable: boolean): View {
  const place = viewsDir(engine);
  if (!isRunning(docker)) return { spec: { place, rootfs: docker.rootfs, mounts, writable }, ids: undefined };
  const { pid } = stateOf(docker);
  const ids = mapsOfProcess(pid);
  const rootfs = [Mount.fromPartial({ type: 'bind', source: join(bundleDir(engine, id), 'rootfs') })];
  const mapping = ids === undefined ? undefined : { space: `/proc/${pid}/ns/user`, destinations: mappedMounts(engine, id) };
  return { spec: { place, rootfs, mounts, writable, ...(mapping === undefined ? {} : { mapping }) }, ids };
}

async function open(engine: ViewNeeds, id: string, { spec, ids }: View): Promise<PinnedRoot> {
  const { fd = -1 } = await engine.looks.look('view', [spec], { path: id, failure: `the root of container ${id}` });
  return pinned(fd, ids);
}

/** What the container sees through its map: as its config.json has it. */
function mappedMounts(engine: ViewNeeds, id: string): Set<string> {
  const spec = engine.records.get(engine.records.dockerNamespace, id)?.spec;
  const mounts = spec === undefined ? [] : ((parseJson(Buffer.from(spec.value).toString()) as Spec).mounts ?? []);
  return new Set(mounts.filter((mount) => mount.uidMappings !== undefined).map((mount) => mount.destination));
}

/** Volumes and binds, and hosts, hostname and resolv.conf. */
function mountsIn(engine: ViewNeeds, id: string, docker: DockerContainer, places: Places): MountRecord[] {
  const files = networkFiles(engine, ownerOf(engine, { id, docker }, 'network')?.id ?? id);
  const rw = docker.hostConfig?.ReadonlyRootfs !== true;
  const own = [
    [files.hosts, '/etc/hosts'],
    [files.hostname, '/etc/hostname'],
    [files.resolvConf, '/etc/resolv.conf'],
  ] as const;
  const seen = mountsSeen(docker).map((mount) => placed(mount, places));
  const taken = new Set(seen.map((mount) => mount.destination));
  return [
    ...own
      .filter(([, destination]) => !taken.has(destination))
      .map(([source, destination]) => MountRecord.fromPartial({ type: 'bind', source, destination, rw })),
    ...[...seen].sort((a, b) => a.destination.length - b.destination.length),
    ...workingDirectory(docker),
  ];
}

/** A volume where it is mounted now. */
const placed = (mount: MountRecord, places: Places): MountRecord => ({ ...mount, source: places.get(mount.destination) ?? mount.source });

/** docker makes it when it creates a container: whoever looks at one that never ran finds it there. */
function workingDirectory({ config }: DockerContainer): MountRecord[] {
  const destination = config?.WorkingDir ?? '';
  return destination === '' || destination === '/' ? [] : [MountRecord.fromPartial({ type: 'directory', destination })];
}

export function viewsDir(engine: ViewNeeds): string {
  return join(engine.settings.runRoot, 'tasks', 'views');
}

/** A root by its descriptor, closed once. */
export function pinned(fd: number, ids: IdMaps | undefined): PinnedRoot {
  let open = true;
  return {
    fd,
    ids,
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
