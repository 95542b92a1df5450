import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { CreateRequest, type StepContainer } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerConfig, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { ImageConfig, ImageContainerConfig } from '@gantry/oci';
import { type CallContext, newContext, withDeadline } from '@gantry/rpc';
import type { Refs } from '../refs/ref';
import type { Services } from '../worker/services';
import type { ClassicOutput, KeptStep } from './classic-output';
import { limitsOf } from './classic-request';

export interface KeepParts {
  readonly services: Pick<Services, 'engine' | 'inStore'>;
  readonly refs: Pick<Refs, 'blobs'>;
}

type Keep = NonNullable<ConstructorParameters<typeof ClassicOutput>[5]>;

/** Nobody waits longer for a container, milliseconds. */
const KEEP_MS = 60_000;
/** As the store's images have their layers, so that none is packed twice. */
const PACKED = { compression: 'gzip', force: false, oci: true } as const;

/** Gives docker's users the containers of a classic build's steps that are not removed. Where the containerd is not ours there is nobody to have them. */
export function keepStep({ services, refs }: KeepParts, { logger }: CallContext, build: BuildImageRequest): Keep {
  return async (kept) => {
    const ctx = services.inStore(withDeadline(newContext(logger === undefined ? {} : { logger }), KEEP_MS));
    const image = await kept.container.image;
    if (image === '') return;
    try {
      const layer = await written(refs, ctx, kept);
      const step: StepContainer = {
        id: kept.id,
        startedAt: kept.ran?.startedAt ?? '',
        finishedAt: kept.ran?.finishedAt ?? '',
        exitCode: BigInt(kept.exitCode),
        layer,
      };
      await services.engine.create(
        ctx,
        CreateRequest.fromPartial({ config: configOf(kept, image), hostConfig: hostConfigOf(build), step }),
      );
    } catch (error) {
      logger?.warn({ err: error, container: kept.id }, 'the container of a step was not kept');
    }
  };
}

/** What its command wrote: the uppermost layer of its tree. */
async function written(refs: KeepParts['refs'], ctx: CallContext, { container, failure }: KeptStep): Promise<StepContainer['layer']> {
  const own = failure === undefined ? await container.outcome?.tree(ctx) : failure.mounts[0];
  try {
    const blob = (await refs.blobs(ctx, own, PACKED)).at(-1)?.blob;
    return blob && { mediaType: blob.mediaType, digest: blob.digest, size: BigInt(blob.size), annotations: {} };
  } finally {
    if (failure === undefined) own?.release();
  }
}

function configOf({ container }: KeptStep, image: string): ContainerConfig {
  const config: ImageContainerConfig = (JSON.parse(container.config.toString()) as Partial<ImageConfig>).config ?? {};
  const set = (names: object | null | undefined): Record<string, object> =>
    Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, {}]));
  return ContainerConfig.fromPartial({
    Image: image,
    Cmd: { items: [...container.command] },
    Entrypoint: { items: [''] },
    Env: [...(container.env ?? config.Env ?? [])],
    User: config.User ?? '',
    WorkingDir: config.WorkingDir ?? '',
    Labels: { ...config.Labels },
    ExposedPorts: set(config.ExposedPorts),
    Volumes: set(config.Volumes),
    Shell: [...(config.Shell ?? [])],
    OnBuild: [...(config.OnBuild ?? [])],
    ...(config.StopSignal ? { StopSignal: config.StopSignal } : {}),
  });
}

function hostConfigOf(build: BuildImageRequest): HostConfig {
  return HostConfig.fromPartial({
    ...limitsOf(build),
    NetworkMode: ['', 'default'].includes(build.networkMode) ? '' : build.networkMode,
    CgroupParent: build.resources?.cgroupParent ?? '',
    Ulimits: build.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ExtraHosts: [...build.extraHosts],
    ...(build.shmSize > 0n ? { ShmSize: build.shmSize } : {}),
    LogConfig: { Type: 'json-file', Config: {} },
  });
}
