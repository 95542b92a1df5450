import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { Container as ContainerdRecord } from '@gantry/api/containerd/services/containers/v1/containers';
import { Container as DockerView } from '@gantry/api/gantry/engine/v1/record';
import type { CreateRequest, CreateResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { Mount } from '@gantry/api/containerd/types/types';
import { formatPlatform, type ImageContainerConfig, parseJson, parsePlatform } from '@gantry/oci';
import { type CallContext, derive, invalidArgument } from '@gantry/rpc';
import { runSteps, type Step } from '../../journal';
import { DOCKER_EXTENSION, Phase } from '../../records';
import { cgroupNamespaceMode } from '../../spec';
import { type Engine, emitContainerEvent, inDockerNamespace } from './engine';
import { applyDefaults } from './defaults';
import { createSteps } from './create-steps';
import { leaseOf } from './discard';
import { resolveImage } from './image';
import { commandOf, mergeConfig } from './merge-config';
import { planMounts, type PlannedMount } from './mounts';
import { checkName, generateName, newContainerId } from './names';
import { planNetworks } from './networks';
import { nowText } from './time';
import { validateConfig } from './validate-config';
import { validateHostConfig } from './validate-host-config';
import { joinedContainer } from './validate-modes';

/** Facts of a container under construction, as the journal keeps them (JSON). */
export interface CreateInput {
  readonly id: string;
  readonly name: string;
  readonly snapshotter: string;
  /** Chain id of the image; empty for an image without layers. */
  readonly parent: string;
  /** Manifest digest that the lease holds. */
  readonly imageDigest: string;
  readonly volumes: readonly { readonly name: string; readonly anonymous: boolean }[];
}

/** What the steps find out on their way. */
export interface CreateResults {
  readonly planned: readonly PlannedMount[];
  rootfs: Mount[];
  mounts: MountRecord[];
}

/** POST /containers/create. Everything that was made is undone when a step fails, also after a crash. */
export async function createContainer(engine: Engine, caller: CallContext, request: CreateRequest): Promise<CreateResponse> {
  return engine.once.once(caller, 'create', async () => {
    const repeated = caller.operationId === '' ? undefined : engine.records.listDocker().find(({ docker }) => docker.operationId === caller.operationId);
    if (repeated !== undefined) return { id: repeated.id, warnings: [] };
    return create(engine, inDockerNamespace(engine, caller), request);
  });
}

async function create(engine: Engine, ctx: CallContext, request: CreateRequest): Promise<CreateResponse> {
  if (request.config === undefined) throw invalidArgument('config cannot be empty in order to create a container');
  const given = request.name === '' ? undefined : checkName(request.name);
  const host = applyDefaults(engine, HostConfig.create(request.hostConfig));
  const runtime = host.Runtime ?? '';
  engine.runtimes.get(runtime);

  const platform = request.platform === '' ? undefined : parsePlatform(request.platform);
  const image = await resolveImage(engine, ctx, request.config.Image, platform);
  const imageConfig = (parseJson(Buffer.from(image.configJson).toString()) as { config?: ImageContainerConfig }).config ?? {};
  const config = mergeConfig(ContainerConfig.create(request.config), imageConfig);
  commandOf(config);
  validateConfig(config);
  const warnings = validateHostConfig(host, config);
  for (const mode of [host.NetworkMode, host.PidMode, host.IpcMode]) {
    const ref = joinedContainer(mode);
    if (ref !== undefined) engine.records.requireDocker(ref);
  }
  if (host.CgroupnsMode === '') host.CgroupnsMode = cgroupNamespaceMode(host, engine.settings.cgroupVersion);
  const networks = planNetworks(host, request.networkingConfig, config.MacAddress ?? '');
  const planned = await planMounts(host, config, (ref) => engine.records.requireDocker(ref));

  const id = newContainerId();
  if (config.Hostname === '' && host.UTSMode !== 'host' && joinedContainer(host.NetworkMode) === undefined && host.NetworkMode !== 'host') config.Hostname = id.slice(0, 12);
  const name = given ?? generateName((candidate) => engine.records.names.holder(candidate) !== undefined);
  const input: CreateInput = {
    id, name, snapshotter: image.snapshotter, parent: image.chainId, imageDigest: image.target?.digest ?? '',
    volumes: planned.filter(({ record }) => record.type === 'volume').map(({ record }) => ({ name: record.name, anonymous: record.anonymous })),
  };
  const results: CreateResults = { planned, rootfs: [], mounts: [] };
  const steps: Step<CreateInput>[] = createSteps(engine, results);
  const entry = engine.journal.begin('create', id, input, () => engine.records.names.reserve(name, id));
  try {
    await runSteps(derive(ctx, { lease: leaseOf(id) }), steps, input, engine.logger);
  } catch (error) {
    engine.journal.end(entry, () => engine.records.names.release(id), { durable: false });
    throw error;
  }

  const docker = DockerView.create({
    name, created: nowText(), imageId: image.id, platform: image.platform?.os ?? 'linux', config, hostConfig: host,
    state: { phase: Phase.PHASE_CREATED }, endpoints: networks.endpoints, networkOrder: networks.order, mounts: results.mounts, rootfs: results.rootfs,
    imageManifest: image.target, runtime: engine.runtimes.has(runtime) ? runtime : '', volumeNames: input.volumes.map((volume) => volume.name),
    apiVersion: request.apiVersion, operationId: ctx.operationId,
  });
  engine.journal.end(entry, () =>
    engine.records.create(ctx.namespace, ContainerdRecord.create({
      id, image: image.names[0] ?? config.Image, labels: {}, snapshotter: image.snapshotter, snapshotKey: id,
      runtime: { name: 'io.containerd.runc.v2', options: undefined },
      extensions: { [DOCKER_EXTENSION]: { typeUrl: DOCKER_EXTENSION, value: Buffer.from(DockerView.encode(docker).finish()) } },
    })),
  );
  emitContainerEvent(engine, id, docker, 'create');
  if (platform !== undefined && image.platform !== undefined && image.platform.architecture !== platform.architecture) {
    warnings.push(`The requested image's platform (${formatPlatform(image.platform)}) does not match the detected host platform (${formatPlatform(platform)}) and no specific platform was requested`);
  }
  return { id, warnings };
}
