import type { Image, ImageManifest } from '@gantry/api/gantry/images/v1/images';
import type {
  DriverData,
  Identity,
  ImageInspect,
  ImageManifestSummary,
  ImageSummary,
  OCIDescriptor,
} from '@gantry/api/gantry/engine/v1/types';
import { imageConfig, parseImageJson } from './image-config';

/** Docker's "not computed" in counts and sizes. */
const NOT_COMPUTED = -1n;

/** One line of GET /images/json. */
export function imageSummary(
  image: Image,
  options: {
    readonly sharedSize: boolean;
    readonly manifests?: readonly ImageManifest[];
    readonly containers?: ReadonlyMap<string, readonly string[]>;
    readonly identity?: boolean | undefined;
  },
): ImageSummary {
  const identity = options.identity === true ? identityOf(image) : undefined;
  return {
    Id: image.id,
    ParentId: image.parent,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Created: unixSeconds(image.created),
    Size: image.size,
    SharedSize: options.sharedSize ? image.sharedSize : NOT_COMPUTED,
    Labels: image.labels,
    Containers: options.containers === undefined ? NOT_COMPUTED : BigInt(containersOf(image, options.containers)),
    Manifests: (options.manifests ?? []).map((manifest) => manifestSummary(manifest, options.containers ?? new Map(), identity)),
    Descriptor: descriptor(image),
  };
}

/** GET /images/{name}/json. */
export function imageInspect(
  image: Image,
  options: { readonly manifests: readonly ImageManifest[]; readonly containers: ReadonlyMap<string, readonly string[]> },
): ImageInspect {
  const { author, config, variant, osVersion } = parseImageJson(image.configJson);
  return {
    Id: image.id,
    Descriptor: imageDescriptor(image),
    Manifests: options.manifests.map((manifest) => manifestSummary(manifest, options.containers)),
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parent,
    Comment: image.comment,
    Created: image.created === '' ? undefined : image.created,
    DockerVersion: image.dockerVersion,
    Author: image.author || author,
    Config: imageConfig(config),
    Architecture: image.platform?.architecture ?? '',
    Variant: image.platform?.variant || variant || undefined,
    Os: image.platform?.os ?? '',
    OsVersion: image.platform?.osVersion || osVersion || undefined,
    Size: image.contentSize,
    GraphDriver: graphDriver(image),
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: image.lastTagTime === '' ? '0001-01-01T00:00:00Z' : image.lastTagTime },
    Identity: identityOf(image),
  };
}

/** An image of an index, asked for by a platform: its manifest stands for it. */
export function ofPlatform(image: Image): Image {
  return image.manifest === undefined ? image : { ...image, id: image.manifest.digest, target: image.manifest };
}

/** Of the image's target; where that is the manifest of an index, with its platform. */
function imageDescriptor(image: Image): OCIDescriptor | undefined {
  const told = descriptor(image);
  const { platform } = image;
  if (told === undefined || platform === undefined || told.digest !== image.manifest?.digest || image.target !== image.manifest)
    return told;
  const { os, architecture, variant, osVersion } = platform;
  return { ...told, platform: { os, architecture, variant, 'os.version': osVersion, 'os.features': [] } };
}

/** Undefined where nothing is known: neither pulled, nor pushed, nor built here. */
function identityOf({ repositories, builds }: Image): Identity | undefined {
  if (repositories.length + builds.length === 0) return undefined;
  return {
    Pull: repositories.map((Repository) => ({ Repository })),
    Build: builds.map(({ ref, created }) => ({ Ref: ref, CreatedAt: created })),
  };
}

/** Containers of older stores know their image by its configuration. */
function containersOf({ id, configDigest }: Image, containers: ReadonlyMap<string, readonly string[]>): number {
  return (containers.get(id)?.length ?? 0) + (containers.get(configDigest)?.length ?? 0);
}

function graphDriver(image: Image): DriverData {
  return { Name: image.snapshotter, Data: image.graphDriverData };
}

function descriptor({ target }: Pick<Image, 'target'>): OCIDescriptor | undefined {
  if (target === undefined) return undefined;
  const { mediaType, digest, size, annotations } = target;
  return { mediaType, digest, size, annotations, urls: [], platform: undefined };
}

/** One manifest, as `docker image ls --tree` shows it, with the containers that were made of it. */
function manifestSummary(
  manifest: ImageManifest,
  containers: ReadonlyMap<string, readonly string[]>,
  identity?: Identity,
): ImageManifestSummary {
  const { kind, available, contentSize, unpackedSize, imageId, attestationFor } = manifest;
  const target = descriptor({ target: manifest.descriptor });
  const platform = manifest.platform && {
    architecture: manifest.platform.architecture,
    os: manifest.platform.os,
    variant: manifest.platform.variant,
    'os.version': manifest.platform.osVersion,
    'os.features': [],
  };
  return {
    ID: target?.digest ?? '',
    Descriptor: target && { ...target, platform },
    Available: available,
    Size: { Total: contentSize + unpackedSize, Content: contentSize },
    Kind: kind,
    ImageData:
      kind === 'image'
        ? {
            Platform: platform,
            Containers: [...new Set([manifest.descriptor?.digest ?? '', imageId].flatMap((key) => containers.get(key) ?? []))],
            Size: { Unpacked: unpackedSize },
            Identity: available ? identity : undefined,
          }
        : undefined,
    AttestationData: kind === 'attestation' ? { For: attestationFor } : undefined,
  };
}

function unixSeconds(created: string): bigint {
  const ms = Date.parse(created);
  return Number.isNaN(ms) ? 0n : BigInt(Math.floor(ms / 1000));
}
