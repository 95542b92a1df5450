import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { ContainerConfig, HostConfig, Mount } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { DockerRecord } from '../records';
import { propagationOf } from './engine-root';
import { checkDestination, checkVolumeName, parseBind, PROPAGATIONS, tmpfsOptions } from '@gantry/spec';

/** A mount as planned, and what its volume must be made with when it does not exist. */
export interface PlannedMount {
  readonly record: MountRecord;
  readonly volume?: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
  };
}

export interface MountNeeds {
  /** A container of --volumes-from. */
  readonly find: (ref: string) => DockerRecord;
  /** Whether the host has such a path. */
  readonly exists: (path: string) => Promise<boolean>;
  /** Binds that say nothing are read-only at their top alone. */
  readonly topOnly?: boolean;
  /** Folder of everything that the engine keeps: binds of it, below it or above it must not hold its mounts. */
  readonly engineRoot?: string;
  /** Makes a named volume whose mount was accepted before another one was refused: docker makes them while it checks. */
  readonly leave: (mount: Required<PlannedMount>) => Promise<void>;
}

/**
 * All mounts that a container asks for, in docker's order of precedence: --volumes-from, -v, --mount, --tmpfs, then the image's volumes
 * where nothing is mounted yet. Anonymous volumes get their names here, so that an undo knows them. Throws invalidArgument.
 */
export async function planMounts(host: HostConfig, config: ContainerConfig, needs: MountNeeds): Promise<PlannedMount[]> {
  const planned = new Map<string, PlannedMount>();
  const explicit = new Set<string>();
  const add = (mount: PlannedMount): void => {
    const { destination } = mount.record;
    if (explicit.has(destination)) throw duplicate(destination);
    explicit.add(destination);
    planned.set(destination, mount);
  };

  for (const mount of inherited(host.VolumesFrom, needs.find)) planned.set(mount.record.destination, mount);
  const tmpfs = Object.entries(host.Tmpfs).map(([path, options]) =>
    MountRecord.create({ type: 'tmpfs', destination: checkDestination(path), rw: true, options: tmpfsOptions(options) }),
  );
  const covered = new Set(tmpfs.map(({ destination }) => destination));
  const mounts: PlannedMount[] = [];
  for (const mount of host.Mounts) mounts.push(await fromMount(mount, needs));
  try {
    for (const text of host.Binds) {
      const bind = fromBind(text, host.VolumeDriver, needs);
      if (covered.has(bind.record.destination)) throw duplicate(bind.record.destination);
      add(bind);
    }
    // --mount and --tmpfs of one place are both made, as docker has it: the tmpfs lies on top.
    mounts.forEach(add);
  } catch (error) {
    for (const { record, volume } of planned.values()) if (volume !== undefined && !record.anonymous) await needs.leave({ record, volume });
    throw error;
  }
  for (const path of Object.keys(config.Volumes)) {
    const destination = destinationOf('volume', path.startsWith('/') ? path : `/${path}`);
    if (!planned.has(destination) && !covered.has(destination)) planned.set(destination, anonymous(destination, host.VolumeDriver));
  }
  return [...planned.values(), ...tmpfs.map((record) => ({ record }))];
}

const duplicate = (destination: string): Error => invalidArgument(`Duplicate mount point: ${destination}`);

function destinationOf(type: string, path: string): string {
  try {
    return checkDestination(path);
  } catch (error) {
    throw invalidArgument(`invalid mount config for type "${type}": ${(error as Error).message}`);
  }
}

function anonymous(destination: string, driver: string, mode = '', rw = true, copy = true): PlannedMount {
  return {
    record: MountRecord.create({
      type: 'volume',
      name: randomBytes(32).toString('hex'),
      destination,
      driver: driver || 'local',
      mode,
      rw,
      anonymous: true,
      copyUp: copy,
    }),
    volume: { driver, options: {}, labels: {} },
  };
}

function fromBind(text: string, driver: string, needs: Pick<MountNeeds, 'engineRoot' | 'topOnly'>): PlannedMount {
  const bind = parseBind(text);
  const { destination, mode, rw } = bind;
  if (bind.type === 'bind') {
    return {
      record: MountRecord.create({
        type: 'bind',
        source: bind.source,
        destination,
        mode,
        rw,
        propagation: propagationOf(bind.source, bind.propagation, needs.engineRoot),
        readOnlyNonRecursive: needs.topOnly === true,
        createSource: true,
      }),
    };
  }
  if (bind.source === '') return anonymous(destination, driver, mode, rw, bind.copy);
  return {
    record: MountRecord.create({
      type: 'volume',
      name: bind.source,
      destination,
      driver: driver || 'local',
      mode: mode || 'z',
      rw,
      copyUp: bind.copy,
    }),
    volume: { driver, options: {}, labels: {} },
  };
}

function inherited(volumesFrom: readonly string[], find: (ref: string) => DockerRecord): PlannedMount[] {
  return volumesFrom.flatMap((text) => {
    const at = text.indexOf(':');
    const ref = at < 0 ? text : text.slice(0, at);
    const mode = at < 0 ? 'rw' : text.slice(at + 1);
    if (ref === '') throw invalidArgument('volumes-from specification cannot be an empty string');
    if (!mode.split(',').every((word) => ['rw', 'ro', 'z', 'Z'].includes(word))) throw invalidArgument(`invalid mode: ${mode}`);
    const readOnly = mode.split(',').includes('ro');
    return find(ref)
      .docker.mounts.filter((mount) => mount.type !== 'tmpfs' && mount.type !== 'image')
      .map((mount) => ({ record: { ...mount, mode: '', rw: mount.rw && !readOnly, copyUp: false, fromMounts: false } }));
  });
}

/** One --mount. What it leaves out, and what contradicts its type, is refused by name. */
async function fromMount(mount: Mount, needs: Pick<MountNeeds, 'engineRoot' | 'exists' | 'topOnly'>): Promise<PlannedMount> {
  const fail = (why: string): never => {
    throw invalidArgument(`invalid mount config for type "${mount.Type}": ${why}`);
  };
  const only = (name: string, value: unknown, type: string): void => {
    if (value !== undefined && mount.Type !== type) fail(`field ${name} must not be specified`);
  };
  if (!['bind', 'volume', 'tmpfs', 'image'].includes(mount.Type)) return fail('mount type unknown');
  only('BindOptions', mount.BindOptions, 'bind');
  only('VolumeOptions', mount.VolumeOptions, 'volume');
  only('TmpfsOptions', mount.TmpfsOptions, 'tmpfs');
  only('ImageOptions', mount.ImageOptions, 'image');
  const destination = destinationOf(mount.Type, mount.Target);
  const base = { type: mount.Type, destination, rw: !mount.ReadOnly, fromMounts: true };

  if (mount.Type === 'bind') {
    if (mount.Source === '') fail('field Source must not be empty');
    if (!mount.Source.startsWith('/')) fail(`invalid mount path: '${mount.Source}' mount path must be absolute`);
    const options = mount.BindOptions;
    if (options !== undefined && options.Propagation !== '' && !PROPAGATIONS.includes(options.Propagation))
      fail(`invalid propagation mode: ${options.Propagation}`);
    if (options?.CreateMountpoint !== true && !(await needs.exists(mount.Source))) fail(`bind source path does not exist: ${mount.Source}`);
    return {
      record: MountRecord.create({
        ...base,
        source: posix.normalize(mount.Source),
        propagation: propagationOf(mount.Source, options?.Propagation ?? '', needs.engineRoot),
        nonRecursive: options?.NonRecursive ?? false,
        readOnlyNonRecursive: needs.topOnly === true || options?.ReadOnlyNonRecursive === true,
        readOnlyForceRecursive: options?.ReadOnlyForceRecursive ?? false,
        createSource: options?.CreateMountpoint ?? false,
      }),
    };
  }
  if (mount.Type === 'tmpfs') {
    if (mount.Source !== '') fail('field Source must not be specified');
    const { SizeBytes: size = 0n, Mode: mode = 0n, Options: extra = [] } = mount.TmpfsOptions ?? {};
    const options = [
      ...(size > 0n ? [`size=${size}`] : []),
      ...(mode > 0n ? [`mode=${mode.toString(8)}`] : []),
      ...extra.map(({ items }) => items.join('=')),
    ];
    return { record: MountRecord.create({ ...base, options: tmpfsOptions(options.join(',')) }) };
  }
  const subpath = mount.VolumeOptions?.Subpath ?? mount.ImageOptions?.Subpath ?? '';
  if (subpath.startsWith('/') || subpath.split('/').includes('..')) fail('subpath must be a relative path within the volume');
  if (mount.Type === 'image') {
    if (mount.Source === '') fail('field Source must not be empty');
    return { record: MountRecord.create({ ...base, name: mount.Source, rw: false, subpath }) };
  }
  const options = mount.VolumeOptions;
  if (mount.Source !== '') checkVolumeName(mount.Source);
  const driver = options?.DriverConfig?.Name ?? '';
  return {
    record: MountRecord.create({
      ...base,
      name: mount.Source === '' ? randomBytes(32).toString('hex') : mount.Source,
      driver: driver || 'local',
      mode: 'z',
      anonymous: mount.Source === '',
      copyUp: options?.NoCopy !== true,
      subpath,
    }),
    volume: { driver, options: options?.DriverConfig?.Options ?? {}, labels: options?.Labels ?? {} },
  };
}
