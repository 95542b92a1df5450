import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import { ContainerEventType, type ContainerConfig, type CreateContainerRequest, NamespaceMode } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached, errorText, failedPrecondition, isErrorOf, notFound } from '@gantry/rpc';
import { applyRootDiff } from '../checkpoints/root-diff';
import { openCheckpoint, removeRestore, restoreFolder, restoreLog } from '../checkpoints/restore';
import { checkpointNamed } from '../checkpoints/source';
import { unknown } from '../failures';
import { configOf, findKnown, type KnownImage, listKnown } from '../images/catalog';
import { runtimeOf } from '../runtime/runtimes';
import { findPod } from '../sandboxes/find';
import { placesOf } from '../sandboxes/files';
import type { Needs } from '../sandboxes/needs';
import type { Pod } from '../sandboxes/pod';
import { stateOf } from '../sandboxes/status';
import { idsOf } from '../sandboxes/userns';
import { hasSelinux } from '../selinux';
import { apparmorOf, knownProfiles } from './apparmor';
import { checkContainer } from './check';
import { declaredPlaces, makeDeclaredVolumes, removeDeclaredVolumes } from './declared-volumes';
import { devicesOf } from './devices';
import { findContainer } from './find';
import { type ImageVolume, layImageVolumes, removeImageVolumes } from './image-volumes';
import { type ContainerFacts, extensionsOf } from './record';
import { taskOf } from './settle';
import { stopSignalOf } from './signals';
import { specOf } from './spec';
import { userOf } from './user';

/** Makes a container in a pod: its tree, its config.json, its record. Nothing is left of one that could not be made. */
export async function createContainer(needs: Needs, caller: CallContext, request: CreateContainerRequest): Promise<string> {
  const { config: asked } = request;
  if (asked === undefined) throw unknown('container config must be given');
  const pod = await findPod(needs, caller, request.podSandboxId);
  if (pod === undefined) throw notFound(`failed to find sandbox id "${request.podSandboxId}": not found`);
  checkContainer(asked, pod, { selinux: await hasSelinux() });
  const { ready, pid } = await stateOf(needs, caller, pod.id);
  if (!ready) throw failedPrecondition(`sandbox "${pod.id}" is not ready: no container can be made in it`);
  const wanted = asked.image?.image ?? '';
  const found = findKnown(await listKnown(needs.services, caller), wanted);
  const source = await checkpointNamed(needs.services, caller, { wanted, image: found });
  if (found === undefined && source === undefined) throw notFound(`failed to resolve image "${wanted}": not found`);

  const id = randomBytes(32).toString('hex');
  const { name, attempt } = asked.metadata ?? { name: '', attempt: 0 };
  needs.names.reserve('container', `${name}_${pod.id}_${attempt}`, id);
  const ctx = detached(caller);
  const volumes: ImageVolume[] = [];
  needs.members.add(pod.id, id);
  let image = found;
  try {
    const restored = source === undefined ? undefined : await openCheckpoint(needs, ctx, { id, source, request });
    image = restored?.image ?? image;
    if (image === undefined) throw notFound(`failed to resolve image "${wanted}": not found`);
    await make(needs, ctx, { id, pod, holder: pid, image, config: restored?.config ?? asked, volumes, restored: restored !== undefined });
  } catch (error) {
    await undo(needs, ctx, id, { image, volumes });
    needs.members.remove(pod.id, id);
    throw error;
  }
  await needs.events.tellOf(ctx, pod.id, id, ContainerEventType.CONTAINER_CREATED_EVENT);
  return id;
}

interface Wish {
  readonly id: string;
  readonly pod: Pod;
  readonly holder: number;
  readonly image: KnownImage;
  readonly config: ContainerConfig;
  /** Images that it mounts, as far as they were made. */
  readonly volumes: ImageVolume[];
  readonly restored: boolean;
}

async function make(needs: Needs, ctx: CallContext, { id, pod, holder, image, config, volumes, restored }: Wish): Promise<void> {
  const { services, roots } = needs;
  const { snapshotter, chainId } = image.stored;
  await services.snapshots.prepare(ctx, { snapshotter, key: id, parent: chainId, labels: {} });
  if (restored) await applyRootDiff(services, ctx, { snapshotter, key: id, path: join(restoreFolder(roots.data, id), 'rootfs-diff.tar') });
  const { files } = await services.trees.readFiles(ctx, { snapshotter, snapshotKey: id, paths: ['/etc/passwd', '/etc/group'] });
  const [passwd = '', group = ''] = files.map(({ content }) => Buffer.from(content).toString());
  const imageConfig = configOf(image).config ?? {};
  const security = config.linux?.securityContext;
  const user = userOf(security, imageConfig.User ?? '', { passwd, group });
  const declared = await makeDeclaredVolumes(needs, ctx, {
    id,
    places: declaredPlaces(
      imageConfig.Volumes ?? {},
      config.mounts.map(({ containerPath }) => containerPath),
    ),
  });
  const spec = await specOf({
    id,
    pod,
    holder,
    target: security?.namespaceOptions?.pid === NamespaceMode.TARGET ? await targetOf(needs, ctx, security.namespaceOptions.targetId) : 0,
    places: placesOf(roots, pod.id, pod.config),
    config,
    image: imageConfig,
    user,
    systemd: needs.config['cgroup-driver'] === 'systemd',
    volumes: await layImageVolumes(needs, ctx, { id, mounts: config.mounts, ids: idsOf(pod.config), made: volumes }),
    declared,
    devices: await devicesOf(needs.config['cdi-spec-dirs'], config, needs.logger),
    apparmor: apparmorOf(security, await knownProfiles()),
  });
  const facts: ContainerFacts = {
    podId: pod.id,
    imageId: image.id,
    imageRef: image.digests[0] ?? image.id,
    user: { uid: user.uid, gid: user.gid, groups: user.additionalGids },
    logPath: pod.config.logDirectory === '' || config.logPath === '' ? '' : join(pod.config.logDirectory, config.logPath),
    stopSignal: stopSignalOf(config.stopSignal, imageConfig.StopSignal),
    startedAt: '',
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(declared.size === 0 ? {} : { declared: true }),
    ...(restored ? { restored } : {}),
  };
  if (restored) await restoreLog(roots.data, id, facts.logPath);
  await services.containers.create(ctx, {
    container: {
      id,
      labels: { ...config.labels },
      image: image.tags[0] ?? image.names[0] ?? image.id,
      runtime: { name: runtimeOf(needs.config, pod.facts.runtimeHandler), options: undefined },
      spec: packJson(OCI_SPEC_TYPE_URL, spec),
      snapshotter,
      snapshotKey: id,
      createdAt: undefined,
      updatedAt: undefined,
      extensions: extensionsOf({ config, facts }),
      sandbox: pod.id,
    },
  });
}

async function targetOf(needs: Needs, ctx: CallContext, text: string): Promise<number> {
  const target = text === '' ? undefined : await findContainer(needs, ctx, text);
  if (target === undefined) throw notFound(`invalid target container: container "${text}" does not exist: not found`);
  const task = await taskOf(needs, ctx, target.id);
  if (task === undefined) throw failedPrecondition(`invalid target container: container "${text}" does not run`);
  return task.pid;
}

interface Made {
  readonly image: KnownImage | undefined;
  readonly volumes: ImageVolume[];
}

async function undo(needs: Needs, ctx: CallContext, id: string, { image, volumes }: Made): Promise<void> {
  const { services, names, logger, roots } = needs;
  const steps: (() => Promise<unknown>)[] = [
    () => services.containers.delete(ctx, { id }),
    () => removeImageVolumes(needs, ctx, volumes),
    () => removeDeclaredVolumes(needs, ctx, (owner) => owner === id),
    ...(image === undefined ? [] : [() => services.snapshots.remove(ctx, { snapshotter: image.stored.snapshotter, key: id })]),
    () => removeRestore(roots.data, id),
  ];
  for (const step of steps)
    await step().catch((error: unknown) => {
      if (!isErrorOf(error, 'notFound'))
        logger.warn({ err: error, container: id }, `a container that could not be made is not all taken away: ${errorText(error)}`);
    });
  names.release(id);
}
