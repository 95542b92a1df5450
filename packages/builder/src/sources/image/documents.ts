import {
  type Descriptor,
  type Digest,
  formatPlatform,
  type ImageConfig,
  type Index,
  isIndex,
  type Manifest,
  type Platform,
  runnable,
  platformEquals,
  sha256,
  withoutNulls,
} from '@gantry/oci';
import { dataLoss, notFound, resourceExhausted } from '@gantry/rpc';

/** No honest manifest, index or configuration is larger. */
export const DOCUMENT_LIMIT = 4 << 20;
/** An honest index holds manifests, or indexes of manifests. */
const DEPTH = 4;

const REFERENCE_TYPE = 'vnd.docker.reference.type';
const REFERENCE_DIGEST = 'vnd.docker.reference.digest';

/** Reads a document by its descriptor; checks nothing but its digest. */
export type ReadDocument = (descriptor: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>) => Promise<Buffer>;

/** An image for one platform, its documents read. */
export interface ImageDocuments {
  /** What the reference named: an index or a manifest. */
  readonly root: Descriptor;
  readonly manifestDescriptor: Descriptor;
  readonly manifest: Manifest;
  readonly configBytes: Buffer;
  readonly config: ImageConfig;
  /** The manifest in the same index that says something about this image. */
  readonly attestation: Descriptor | undefined;
}

/** From what a reference names to the image for a platform. */
export async function readImage(given: ReadDocument, root: Descriptor, platform: Platform): Promise<ImageDocuments> {
  const read: ReadDocument = async (descriptor) => {
    const bytes = await given(descriptor);
    const digest = sha256(bytes);
    if (digest !== descriptor.digest) throw dataLoss(`${descriptor.digest} came with the digest ${digest}`);
    return bytes;
  };
  const found = await findManifest(read, root, platform, 0);
  if (found === undefined) throw notFound(`no match for platform ${formatPlatform(platform)} in manifest: ${root.digest}`);
  const { descriptor, manifest, attestation } = found;
  const configBytes = await read(manifest.config);
  const config = parseConfig(configBytes, manifest.config.digest);
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw dataLoss(`image ${descriptor.digest} has ${manifest.layers.length} layers and ${config.rootfs.diff_ids.length} digests of them`);
  return { root, manifestDescriptor: descriptor, manifest, configBytes, config, attestation };
}

interface Found {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly attestation: Descriptor | undefined;
}

async function findManifest(read: ReadDocument, descriptor: Descriptor, platform: Platform, depth: number): Promise<Found | undefined> {
  const json = parse(await read(descriptor), descriptor.digest);
  const named = typeof json['mediaType'] === 'string' ? json['mediaType'] : descriptor.mediaType;
  if (json['manifests'] !== undefined && (json['layers'] !== undefined || json['config'] !== undefined))
    throw dataLoss(`${descriptor.digest} is a manifest and an index at once`);
  if (!isIndex(named) && json['manifests'] === undefined) {
    const manifest = json as unknown as Manifest;
    check(manifest.config, descriptor.digest);
    for (const layer of manifest.layers ?? []) check(layer, descriptor.digest);
    return { descriptor, manifest: { ...manifest, layers: manifest.layers ?? [] }, attestation: undefined };
  }
  if (depth >= DEPTH) throw dataLoss(`index ${descriptor.digest} lies more than ${DEPTH} indexes deep`);
  const { manifests = [] } = json as unknown as Index;
  for (const each of manifests) check(each, descriptor.digest);
  for (const entry of suitable(manifests, platform)) {
    const found = await findManifest(read, entry, platform, depth + 1);
    if (found !== undefined) return { ...found, attestation: found.attestation ?? attestationOf(manifests, found.descriptor.digest) };
  }
  return undefined;
}

/** Entries of an index that may be it, best first: those of the platform and of what it runs (of equal ones the system's version that is asked for), then those that name none. */
function suitable(manifests: readonly Descriptor[], platform: Platform): Descriptor[] {
  const images = manifests.filter(({ annotations }) => annotations?.[REFERENCE_TYPE] === undefined);
  const version = platform['os.version'] ?? '';
  const isVersion = (each: Descriptor): number => Number(version !== '' && each.platform?.['os.version'] === version);
  const named = runnable(platform).flatMap((wanted) =>
    images
      .filter((each) => each.platform !== undefined && platformEquals(each.platform, wanted))
      .sort((a, b) => isVersion(b) - isVersion(a)),
  );
  return [...named, ...images.filter((each) => each.platform === undefined)];
}

const attestationOf = (manifests: readonly Descriptor[], digest: string): Descriptor | undefined =>
  manifests.find(({ annotations }) => annotations?.[REFERENCE_TYPE] === 'attestation-manifest' && annotations[REFERENCE_DIGEST] === digest);

function parse(bytes: Buffer, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = withoutNulls(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw dataLoss(`${name} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw dataLoss(`${name} is not an object`);
  return value as Record<string, unknown>;
}

function check(value: Partial<Descriptor> | undefined, name: string): void {
  const { digest, size, mediaType } = value ?? {};
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest) || typeof mediaType !== 'string')
    throw dataLoss(`${name} has a descriptor without type or digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw dataLoss(`${name} has a descriptor without a valid size`);
}

export function checkDocumentSize(size: number, digest: string): void {
  if (size > DOCUMENT_LIMIT) throw resourceExhausted(`${digest} has ${size} bytes, more than a document may have`);
}

export function parseConfig(bytes: Buffer, digest: string): ImageConfig {
  const config = parse(bytes, digest) as Partial<ImageConfig>;
  const diffIds: unknown = config.rootfs?.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string' && /^sha256:[0-9a-f]{64}$/.test(id)))
    throw dataLoss(`image configuration ${digest} has no valid root file system`);
  return {
    ...config,
    os: config.os ?? 'linux',
    architecture: config.architecture ?? 'amd64',
    rootfs: { type: 'layers', diff_ids: diffIds as Digest[] },
  };
}
