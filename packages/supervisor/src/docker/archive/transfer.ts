import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type {
  ExportRequest,
  ExportResponse,
  GetArchiveRequest,
  GetArchiveResponse,
  PutArchiveRequest,
  PutArchiveResponse,
} from '@gantry/api/gantry/engine/v1/containers';
import { asGantryError, type CallContext, GantryError, invalidArgument, type StreamTicket, unavailable } from '@gantry/rpc';
import { runningUserFiles } from '../exec/running-user-files';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { isRunning } from '../../core/phases';
import type { DockerContainer } from '../records';
import { userFiles } from '../start/user-files';
import { resolveUser } from '@gantry/spec';
import { lastAfter } from './last-after';
import { copyIntoTree, packTree } from './native-tree';
import { mountKept } from './kept-volumes';
import { bareRoot, type PinnedRoot, pinned, type Places, readingView, withWritableRoot } from './root';
import { cleanPath } from './stat';
import { mountsSeen } from '../update/plan-mounts';

type Needs = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf' | 'nativePath' | 'runRoot';
  records: 'dockerNamespace' | 'findDocker' | 'get' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  trees: 'readFiles';
  broker: 'offer';
  face: 'namespace';
  queues: 'run';
  looks: 'look';
  volumes: 'addReference' | 'releaseReference';
  logger: true;
}>;

/** GET /containers/{id}/archive: what the path is, and a ticket for its tar. */
export async function getArchive(engine: Needs, ctx: CallContext, request: GetArchiveRequest): Promise<GetArchiveResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  const { path, name, wantsDirectory } = cleanPath(request.path);
  const kept = await mountKept(engine, ctx, id);
  try {
    const { spec, ids } = readingView(engine, id, kept.places);
    const asked = { path: request.path, failure: `lstat ${request.path}` };
    const { value: stat, fd = -1 } = await engine.looks.look('openPath', [spec, request.id, request.path], asked);
    const ticket = offerTar(engine, pinned(fd, ids), wantsDirectory ? '' : path, name, kept.release);
    emitContainerEvent(engine, id, docker, 'archive-path');
    return { stat, ticket };
  } catch (error) {
    await kept.release();
    throw error;
  }
}

/** GET /containers/{id}/export: the root without its volumes, names relative to it. */
export async function exportContainer(engine: Needs, _ctx: CallContext, request: ExportRequest): Promise<ExportResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  const root = await bareRoot(engine, id);
  const ticket = offerTar(engine, root, '', '');
  emitContainerEvent(engine, id, docker, 'export');
  return { ticket };
}

/** `after`: done once nothing is read any more, before whoever reads sees the archive's end. */
function offerTar(
  engine: Needs,
  root: PinnedRoot,
  path: string,
  name: string,
  after: () => Promise<void> = async () => undefined,
): StreamTicket {
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => {
    if (left === undefined) root.close();
    return (left ??= after());
  };
  return engine.broker.offer(
    async (socket) => {
      const child = packTree(engine.settings.nativePath(), root.fd, path, name, root.ids);
      socket.once('close', () => child.kill());
      socket.resume();
      const whole = async (): Promise<void> => {
        try {
          await child.done;
        } finally {
          await leave();
        }
      };
      try {
        await pipeline(lastAfter(child.stream, whole), socket, { end: false });
      } finally {
        await leave();
      }
      socket.end();
    },
    () => void leave(),
  );
}

/** PUT /containers/{id}/archive: a ticket to send the tar to, then `done`. */
export async function* putArchive(engine: Needs, ctx: CallContext, request: PutArchiveRequest): AsyncGenerator<PutArchiveResponse> {
  const { id, docker } = engine.records.requireDocker(request.id);
  const arrived = Promise.withResolvers<Duplex>();
  const finished = Promise.withResolvers<void>();
  const abort = (): void => arrived.reject(ctx.signal.reason as Error);
  ctx.signal.addEventListener('abort', abort, { once: true });
  arrived.promise.catch(() => undefined);

  const kept = await mountKept(engine, ctx, id);
  try {
    await checkTarget(engine, id, request, docker, kept.places);
  } catch (error) {
    await kept.release();
    throw error;
  }
  const ticket = engine.broker.offer(
    async (socket) => {
      arrived.resolve(socket);
      await finished.promise;
    },
    () => arrived.reject(unavailable('nobody sent the archive in time')),
  );
  try {
    yield { ticket, done: false };
    const socket = await arrived.promise;
    await withWritableRoot(engine, id, kept.places, (root) => unpack(engine, ctx, { root, socket, request, id, docker }));
    socket.end();
  } finally {
    ctx.signal.removeEventListener('abort', abort);
    finished.resolve();
    await kept.release();
  }
  emitContainerEvent(engine, id, docker, 'extract-to-dir');
  yield { ticket: undefined, done: true };
}

/** The directory must be there and be writable. */
async function checkTarget(engine: Needs, id: string, request: PutArchiveRequest, docker: DockerContainer, places: Places): Promise<void> {
  const { spec } = readingView(engine, id, places);
  const asked = { path: request.path, failure: `lstat ${request.path}` };
  const { value: real } = await engine.looks.look('directory', [spec, request.id, request.path], asked);
  const volume = mountsSeen(docker)
    .filter((mount) => real === mount.destination || real.startsWith(`${mount.destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (volume !== undefined && !volume.rw) throw invalidArgument('mounted volume is marked read-only');
  if (volume === undefined && docker.hostConfig?.ReadonlyRootfs === true) throw invalidArgument('container rootfs is marked read-only');
}

interface Unpacking {
  readonly root: PinnedRoot;
  readonly socket: Duplex;
  readonly request: PutArchiveRequest;
  readonly id: string;
  readonly docker: DockerContainer;
}

async function unpack(engine: Needs, ctx: CallContext, { root, socket, request, id, docker }: Unpacking): Promise<void> {
  // A container without a user keeps the owners of the archive, as with dockerd.
  const owner = request.copyUidGid && (docker.config?.User ?? '') !== '' ? await ownerOf(engine, ctx, id, docker) : undefined;
  const child = copyIntoTree(engine.settings.nativePath(), root.fd, {
    into: cleanPath(request.path).path,
    keepKinds: request.noOverwriteDirNonDir,
    ids: root.ids,
    ...(owner === undefined ? {} : { owner }),
  });
  // The program tells what was wrong with the archive; a broken pipe only follows from it.
  pipeline(socket, child.stream, { end: true }).catch(() => child.stream.destroy());
  await child.done;
}

async function ownerOf(engine: Needs, ctx: CallContext, id: string, docker: DockerContainer): Promise<{ uid: number; gid: number }> {
  const user = docker.config?.User ?? '';
  try {
    const { passwd, group } = isRunning(docker)
      ? await runningUserFiles(engine, docker)
      : await userFiles(engine, inDockerNamespace(engine, ctx), id);
    const { uid, gid } = resolveUser(user, [], passwd, group);
    return { uid, gid };
  } catch (error) {
    const { kind, message, meta } = asGantryError(error);
    const why = `failed to look up user "${user}" in container: ${meta['reason'] ?? message}`;
    throw new GantryError(kind, why, { cause: error });
  }
}
