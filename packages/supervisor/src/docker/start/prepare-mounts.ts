import { dirname, join } from 'node:path';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { LookOptions } from '@gantry/linux/looks';
import { type CallContext, prefixed } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import type { Uses } from '../engine';
import { touchesEngine } from '../create/engine-root';
import { mountImage } from '../image-mounts/mount';
import { checkPropagation } from './propagation';

type Needs = Uses<{
  settings: 'dataRoot';
  looks: 'look';
  volumes: 'addReference';
  snapshots: 'mounts';
  activations: 'activate' | 'info';
  records: 'dockerNamespace';
}>;

/** Makes the sources of a container's mounts ready: missing directories of -v are made, volumes are mounted where their driver must. */
export async function prepareMounts(engine: Needs, ctx: CallContext, id: string, docker: DockerContainer): Promise<DockerContainer> {
  if (docker.mounts.length === 0) return docker;
  const mounts: MountRecord[] = [];
  for (const mount of docker.mounts) mounts.push(await prepare(engine, ctx, id, mount));
  return { ...docker, mounts };
}

async function prepare(engine: Needs, ctx: CallContext, id: string, mount: MountRecord): Promise<MountRecord> {
  if (mount.type === 'bind') {
    const { source } = mount;
    await engine.looks.look('bindSource', [source, mount.createSource], answering(source));
    // Nobody asked for it where it is so because of the engine's folder: mounts there may be private.
    const byItself = mount.propagation === 'rslave' && touchesEngine(source, dirname(engine.settings.dataRoot));
    if (!byItself && /^r?(shared|slave)$/.test(mount.propagation))
      checkPropagation((await engine.looks.look('realPath', [source], answering(source))).value, mount.propagation);
    return mount;
  }
  if (mount.type !== 'volume' && mount.type !== 'image') return mount;
  const mountpoint = mount.type === 'image' ? await mountImage(engine, ctx, mount) : await attached(engine, ctx, id, mount);
  if (mount.subpath === '') return { ...mount, source: mountpoint };
  const { value } = await engine.looks.look('inVolume', [mountpoint, mount.subpath], answering(join(mountpoint, mount.subpath)));
  return { ...mount, source: value };
}

async function attached(engine: Needs, ctx: CallContext, id: string, mount: MountRecord): Promise<string> {
  try {
    const { volume } = await engine.volumes.addReference(ctx, { name: mount.name, containerId: id, mount: true });
    return volume?.mountpoint ?? mount.source;
  } catch (error) {
    throw prefixed(error, `error while mounting volume '${mount.source}'`);
  }
}

/** Milliseconds that a file system may take to tell about a path: one that is mounted on demand takes its time, a dead server takes for ever. */
const ANSWER_MS = 30_000;

const answering = (path: string): LookOptions => ({ path, failure: `error while mounting '${path}'`, ms: ANSWER_MS });
