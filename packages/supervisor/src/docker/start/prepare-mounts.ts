import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { type CallContext, deadlineExceeded, invalidArgument, notFound, prefixed } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import type { Uses } from '../engine';
import { checkPropagation } from './propagation';

type Needs = Uses<{ volumes: 'addReference' }>;

/** Makes the sources of a container's mounts ready: missing directories of -v are made, volumes are mounted where their driver must. */
export async function prepareMounts(engine: Needs, ctx: CallContext, id: string, docker: DockerContainer): Promise<DockerContainer> {
  if (docker.mounts.length === 0) return docker;
  const mounts: MountRecord[] = [];
  for (const mount of docker.mounts) mounts.push(await prepare(engine, ctx, id, mount));
  return { ...docker, mounts };
}

async function prepare(engine: Needs, ctx: CallContext, id: string, mount: MountRecord): Promise<MountRecord> {
  if (mount.type === 'bind') {
    await answered(bindSource(mount), mount.source);
    if (/^r?(shared|slave)$/.test(mount.propagation))
      checkPropagation(await answered(fs.realpath(mount.source), mount.source), mount.propagation);
    return mount;
  }
  if (mount.type !== 'volume') return mount;
  const mountpoint = await attached(engine, ctx, id, mount);
  return { ...mount, source: mount.subpath === '' ? mountpoint : await inside(mountpoint, mount.subpath) };
}

async function attached(engine: Needs, ctx: CallContext, id: string, mount: MountRecord): Promise<string> {
  try {
    const { volume } = await engine.volumes.addReference(ctx, { name: mount.name, containerId: id });
    return volume?.mountpoint ?? mount.source;
  } catch (error) {
    throw prefixed(error, `error while mounting volume '${mount.source}'`);
  }
}

/** Milliseconds that a file system may take to tell about a path: a dead server of a network file system takes for ever. */
const ANSWER_MS = 30_000;

async function answered<T>(work: Promise<T>, path: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(deadlineExceeded(`error while mounting '${path}': its file system does not answer within ${ANSWER_MS / 1000} seconds`)),
    ANSWER_MS,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function bindSource(mount: MountRecord): Promise<void> {
  const missing = await fs.stat(mount.source).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      throw invalidArgument(`error while creating mount source path '${mount.source}': ${error.message}`, { cause: error });
    },
  );
  if (!missing) return;
  if (!mount.createSource) throw invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
  await fs.mkdir(mount.source, { recursive: true, mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    throw invalidArgument(`error while creating mount source path '${mount.source}': ${error.message}`, { cause: error });
  });
}

/** A path inside a volume whose own links must not lead out of it. */
async function inside(mountpoint: string, subpath: string): Promise<string> {
  const root = await fs.realpath(mountpoint);
  const path = await fs.realpath(join(root, subpath)).catch((error: Error) => {
    const wanted = join(mountpoint, subpath);
    throw notFound(`cannot access path ${wanted}: lstat ${wanted}: no such file or directory`, { cause: error });
  });
  if (path !== root && !path.startsWith(`${root}/`))
    throw invalidArgument(`path concatenation escapes the base directory, base: ${mountpoint}, subpath: ${subpath}`);
  return path;
}
