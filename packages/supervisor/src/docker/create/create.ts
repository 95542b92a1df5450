import { hostname as hostHostname } from 'node:os';
import { dirname } from 'node:path';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { Container as ContainerdRecord } from '@gantry/api/containerd/services/containers/v1/containers';
import { Container as DockerView } from '@gantry/api/gantry/engine/v1/record';
import type { CreateRequest, CreateResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { Descriptor, Mount } from '@gantry/api/containerd/types/types';
import type { Image } from '@gantry/api/gantry/images/v1/images';
import { foreignPlatform, type ImageContainerConfig, parseJson, parsePlatform } from '@gantry/oci';
import { type CallContext, derive, detached, ignore, invalidArgument, withDeadline } from '@gantry/rpc';
import { isPlugin } from '@gantry/service/plugins';
import { runSteps } from '../../core/journal';
import { patiently } from '../../core/patience';
import { VIEW_EXTENSION } from '../../core/records';
import type { DockerRecord } from '../records';
import { cgroupNamespaceMode } from '@gantry/spec';
import { type Engine, emitContainerEvent, inDockerNamespace } from '../engine';
import { applyDefaults } from './defaults';
import { checkEndpoints } from './check-endpoints';
import { createSteps } from './create-steps';
import { undoCreateLater } from './undo-create';
import { leaseOf } from '../../core/remove/discard';
import { resolveImage } from './image';
import { healthSettings } from '../health/health';
import { withUnhealthyLabel } from '../health/on-failure';
import { type ImageView, planImageViews } from '../image-mounts/make';
import { keepJoinedIds } from '../connect/joined';
import { keepLinks } from '../connect/links';
import { commandOf, mergeConfig } from './merge-config';
import { makeVolume } from './make-volume';
import { planMounts, type PlannedMount } from './mounts';
import { checkName, generateName, newContainerId } from './names';
import { takeName } from './take-name';
import { type PlannedNetworks, planNetworks, withoutDefaultBridge } from './networks';
import { newStepId, pastOf } from './step-container';
import { nowText } from '../../core/time';
import { checkRemap } from '../start/remap';
import { validateConfig } from '../validate/validate-config';
import { checkLandlock } from '../validate/landlock';
import { discardWeights } from '../validate/discard';
import { storageSize } from '../validate/storage-options';
import { validateHostConfig } from '../validate/validate-host-config';
import { joinedContainer } from '../validate/validate-modes';

/** Facts of a container under construction, as the journal keeps them (JSON). */
export interface CreateInput {
  readonly id: string;
  readonly name: string;
  readonly snapshotter: string;
  /** Chain id of the image; empty for an image without layers. */
  readonly parent: string;
  /** Bytes that the container's own layer may hold; empty: what the images service gives. Absent in what older versions wrote. */
  readonly size?: string;
  /** Manifest digest that the lease holds. */
  readonly imageDigest: string;
  readonly volumes: readonly { readonly name: string; readonly anonymous: boolean }[];
  /** Absent in what older versions wrote. */
  readonly views?: readonly ImageView[];
}

/** What the steps find out on their way. */
export interface CreateResults {
  readonly planned: readonly PlannedMount[];
  /** What it wrote before it came to the engine. */
  readonly layer?: Descriptor | undefined;
  rootfs: Mount[];
  mounts: MountRecord[];
}

/** POST /containers/create. Everything that was made is undone when a step fails, also after a crash. */
export async function createContainer(engine: Engine, caller: CallContext, request: CreateRequest): Promise<CreateResponse> {
  return engine.once.once(caller, `create ${request.name}`, async () => {
    const repeated =
      caller.operationId === '' ? undefined : engine.records.listDocker().find(({ docker }) => isOf(caller, request, docker));
    if (repeated !== undefined) return { id: repeated.id, warnings: [] };
    return create(engine, inDockerNamespace(engine, caller), request);
  });
}

/** Whether a container was made by this request: one operation id for several names is several operations. */
const isOf = ({ operationId }: CallContext, { name }: CreateRequest, docker: DockerView): boolean =>
  docker.operationId === operationId && (name === '' || docker.name === name.replace(/^\//, ''));

/** Milliseconds in which the services answer what a create asks before it makes anything. */
const ANSWER_MS = 30_000;

/** Everything that is decided before anything is made. */
interface Plan {
  readonly image: Image;
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  readonly networks: PlannedNetworks;
  readonly mounts: readonly PlannedMount[];
  readonly views: readonly ImageView[];
  readonly warnings: string[];
}

async function create(engine: Engine, caller: CallContext, request: CreateRequest): Promise<CreateResponse> {
  const given = request.name === '' ? undefined : checkName(request.name);
  const id = request.step === undefined ? newContainerId() : newStepId(engine, request.step);
  // A client that goes away half-way leaves a container that is made or undone; a service that does not answer ends the wait.
  const ctx = detached(caller);
  const soon = withDeadline(ctx, ANSWER_MS);
  // The lease is taken while the image is looked up; one without a container is given back at the next start.
  const lease = engine.leases.create(soon, { id: leaseOf(id), labels: { 'gantry.io/container': id } });
  try {
    const [planned] = await Promise.all([plan(engine, soon, id, request), lease]);
    await make(engine, ctx, id, given, request, planned);
    return { id, warnings: planned.warnings };
  } catch (error) {
    void giveBackLease(engine, ctx, id, lease);
    throw error;
  }
}

/** Whatever came of taking it: an answer that was lost with its service says nothing of the lease. */
async function giveBackLease(engine: Engine, ctx: CallContext, id: string, taken: Promise<unknown>): Promise<void> {
  await taken.catch(() => undefined);
  await patiently(() => engine.leases.delete(ctx, { id: leaseOf(id), sync: false }, { timeoutMs: ANSWER_MS }))
    .catch(ignore('notFound'))
    .catch((error: unknown) => engine.logger.warn({ err: error, container: id }, 'a lease is kept until the next start'));
}

async function plan(engine: Engine, ctx: CallContext, id: string, request: CreateRequest): Promise<Plan> {
  if (request.config === undefined) throw invalidArgument('config cannot be empty in order to create a container');
  const networking = engine.settings.defaultBridge ? request.networkingConfig : withoutDefaultBridge(request.networkingConfig);
  await checkEndpoints(networking?.EndpointsConfig ?? {}, async (ref) => (await engine.network.getNetwork(ctx, { ref })).network);
  const host = applyDefaults(engine, withUnhealthyLabel(HostConfig.create(request.hostConfig), request.config.Labels));
  checkLandlock(host, engine.runtimes.get(host.Runtime ?? '').driver);
  const platform = request.platform === '' ? undefined : parsePlatform(request.platform);
  if (request.config.Image === '') commandOf(request.config); // docker's first word on a request that says nothing
  const image = await resolveImage(engine, ctx, request.config.Image, platform);
  const imageConfig = (parseJson(Buffer.from(image.configJson).toString()) as { config?: ImageContainerConfig }).config ?? {};
  const config = mergeConfig(ContainerConfig.create(request.config), imageConfig);
  commandOf(config);
  validateConfig(config);
  const warnings = [...discardWeights(host), ...validateHostConfig(host, config, (name) => isPlugin(engine.settings.plugins, name))];
  const foreign = platform === undefined && image.platform !== undefined ? await foreignPlatform(image.platform) : undefined;
  if (foreign !== undefined) warnings.push(foreign);
  if (host.HealthcheckOnFailureAction !== '' && healthSettings(config.Healthcheck, []) === undefined)
    warnings.push(`The container has no health check: it is never unhealthy, and "${host.HealthcheckOnFailureAction}" never done`);
  checkRemap(engine, host);
  keepJoinedIds(host, (ref) => engine.records.findDocker(ref));
  // The container whose network is joined may come later, as docker has it.
  for (const mode of [host.PidMode, host.IpcMode]) {
    const ref = joinedContainer(mode);
    if (ref !== undefined) findOther(engine, ref);
  }
  keepLinks(host, (ref) => engine.records.findDocker(ref));
  if (host.CgroupnsMode === '' && !host.Privileged) host.CgroupnsMode = engine.settings.cgroupNamespace;
  if (host.CgroupnsMode === '') host.CgroupnsMode = cgroupNamespaceMode(host, engine.settings.cgroupVersion);
  const ownHostname = host.UTSMode !== 'host' && host.NetworkMode !== 'host' && joinedContainer(host.NetworkMode) === undefined;
  if (config.Hostname === '' && host.NetworkMode === 'host') config.Hostname = hostHostname();
  else if (config.Hostname === '' && ownHostname) config.Hostname = id.slice(0, 12);
  const mounts = await planMounts(host, config, {
    find: (ref) => findOther(engine, ref),
    exists: async (path) => (await engine.looks.look('exists', [path], { path, failure: `stat ${path}` })).value,
    topOnly: request.readOnlyNonRecursive,
    engineRoot: dirname(engine.settings.dataRoot),
    leave: (mount) => makeVolume(engine, ctx, mount),
  });
  return {
    image,
    config,
    host,
    warnings,
    mounts,
    views: await planImageViews(
      engine,
      ctx,
      id,
      mounts.map(({ record }) => record),
    ),
    networks: planNetworks(host, networking, config.MacAddress ?? ''),
  };
}

/** A container that the request names; an unknown one makes the request invalid. */
function findOther(engine: Engine, ref: string): DockerRecord {
  const found = engine.records.findDocker(ref);
  if (found === undefined) throw invalidArgument(`No such container: ${ref}`);
  return found;
}

async function make(
  engine: Engine,
  ctx: CallContext,
  id: string,
  given: string | undefined,
  request: CreateRequest,
  planned: Plan,
): Promise<void> {
  const { image, config, host, networks } = planned;
  const name = given ?? generateName((candidate) => engine.records.names.holder(candidate) !== undefined);
  const input: CreateInput = {
    id,
    name,
    snapshotter: image.snapshotter,
    parent: image.chainId,
    size: storageSize(host),
    imageDigest: image.target?.digest ?? '',
    views: planned.views,
    volumes: planned.mounts
      .filter(({ record }) => record.type === 'volume')
      // One of another container's is not this creation's to undo.
      .map(({ record, volume }) => ({ name: record.name, anonymous: record.anonymous && volume !== undefined })),
  };
  const results: CreateResults = { planned: planned.mounts, layer: request.step?.layer, rootfs: [], mounts: [] };
  const entry = engine.journal.begin('create', id, input, () => takeName(engine, name, id));
  const failed = await runSteps(derive(ctx, { lease: leaseOf(id) }), createSteps(engine, results), input, engine.logger);
  if (failed !== undefined) {
    // What a service did not take back is held by nobody but the entry.
    if (failed.undone) engine.journal.end(entry, () => engine.records.names.release(id), { durable: false });
    else undoCreateLater(engine, ctx, entry);
    throw failed.error;
  }
  const docker = DockerView.create({
    name,
    created: nowText(),
    imageId: image.id,
    platform: image.platform?.os ?? 'linux',
    config,
    hostConfig: host,
    state: pastOf(request.step),
    endpoints: networks.endpoints,
    networkOrder: networks.order,
    mounts: results.mounts,
    rootfs: results.rootfs,
    imageManifest: image.manifest ?? image.target,
    imagePlatform: image.platform && {
      architecture: image.platform.architecture,
      os: image.platform.os,
      'os.version': image.platform.osVersion,
      'os.features': [],
      variant: image.platform.variant,
    },
    runtime: host.Runtime ?? '',
    volumeNames: input.volumes.map((volume) => volume.name),
    apiVersion: request.apiVersion,
    operationId: ctx.operationId,
  });
  engine.journal.end(entry, () => {
    engine.records.create(
      ctx.namespace,
      ContainerdRecord.create({
        id,
        image: image.names[0] ?? config.Image,
        labels: {},
        snapshotter: image.snapshotter,
        snapshotKey: id,
        runtime: { name: 'io.containerd.runc.v2', options: undefined },
        extensions: { [VIEW_EXTENSION]: { typeUrl: VIEW_EXTENSION, value: Buffer.from(DockerView.encode(docker).finish()) } },
      }),
    );
    if (request.step === undefined) emitContainerEvent(engine, id, docker, 'create');
  });
}
