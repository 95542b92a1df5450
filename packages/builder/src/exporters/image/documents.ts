import { chainIds, type Descriptor, type Digest, type Index, type Manifest, mediaTypes, type Platform, sha256 } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { BlobLayer, Refs } from '../../refs/ref';
import type { LayerAbout } from './history';
import { writeDocument, type ContentServices } from '../../worker/blobs';
import { attestationManifest } from '../attestations/manifest';
import { wantedAttestations } from '../attestations/wanted';
import { during } from '../../progress/during';
import type { ExportInput } from '../exporter';
import { annotationOf, annotationsFor, needsOci } from './annotations';
import type { DocumentOptions } from './attributes';
import { imageConfig } from './config';
import { indexLabels, manifestLabels, snapshotLabels } from './gc-labels';
import { platformsOf, type ResultPlatform } from './platforms';

export interface DocumentTools {
  readonly services: ContentServices & { readonly snapshotter: string };
  readonly refs: Refs;
}

/** One image of a result, written. */
export interface WrittenImage {
  readonly of: ResultPlatform;
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly BlobLayer[];
  /** Top chain id; undefined: no layers. */
  readonly chainId: string | undefined;
}

export interface WrittenDocuments {
  readonly root: Descriptor;
  readonly images: readonly WrittenImage[];
  /** Seconds since 1970 that no time of the image is later than: the exporter's, else the frontend's. */
  readonly epoch: number | undefined;
  /** All blobs that the root leads to, itself last. */
  readonly blobs: readonly Descriptor[];
}

/** Writes what a result is as an image into the content store: layers, configurations, manifests, and an index where there is more than one manifest. */
export async function writeDocuments(
  tools: DocumentTools,
  ctx: CallContext,
  input: ExportInput,
  given: DocumentOptions,
  names: readonly string[],
): Promise<WrittenDocuments> {
  const result = { ...input.result, metadata: new Map([...input.result.metadata, ...given.metadata]) };
  const annotations = [...given.annotations, ...[...result.metadata].flatMap(([key, value]) => annotationOf(key, value.toString()) ?? [])];
  const platforms = platformsOf(result);
  const statements = new Map(
    platforms.map(({ id }) => [id, wantedAttestations(result.attestations.get(id) ?? [], given.inlineAttestations)]),
  );
  const indexed = [...result.outcomes.keys()].some((id) => id !== '') || [...statements.values()].some((each) => each.length > 0);
  const options: DocumentOptions = {
    ...given,
    annotations,
    epoch: given.epoch ?? epochOf(result.metadata),
    ociTypes: given.ociTypes || needsOci(annotations) || (indexed && [...result.attestations.values()].some((each) => each.length > 0)),
  };
  checkAnnotations(options, platforms, indexed);
  const layers = await during(input.progress, 'exporting layers', () =>
    Promise.all(platforms.map((each) => layersOf(tools, ctx, options, each))),
  );
  const images: WrittenImage[] = [];
  for (const [at, platform] of platforms.entries())
    images.push(await writeImage(tools, ctx, { input, options, platform, layers: layers[at] ?? [] }));
  const blobs = images.flatMap(({ layers: own, config, descriptor }) => [...own.map(({ blob }) => blob), config, descriptor]);
  const [only] = images;
  if (!indexed) {
    if (only === undefined || images.length > 1) throw invalidArgument('cannot export multiple platforms without multi-platform enabled');
    return { root: only.descriptor, images, blobs, epoch: options.epoch };
  }
  const attestations: Descriptor[] = [];
  for (const image of images) {
    const wanted = statements.get(image.of.id) ?? [];
    if (wanted.length === 0) continue;
    const made = await attestationManifest({ services: tools.services, refs: tools.refs }, ctx, {
      attestations: wanted,
      subject: image.descriptor,
      imageLayers: image.layers,
      platform: image.of.platform,
      names,
      options,
      progress: input.progress,
    });
    attestations.push(made.descriptor);
    blobs.push(...made.blobs, made.descriptor);
  }
  const root = await writeIndex(tools, ctx, input, options, [...images.map(({ descriptor }) => descriptor), ...attestations]);
  return { root, images, blobs: [...blobs, root], epoch: options.epoch };
}

interface ImageParts {
  readonly input: ExportInput;
  readonly options: DocumentOptions;
  readonly platform: ResultPlatform;
  readonly layers: readonly (BlobLayer & LayerAbout)[];
}

async function layersOf(
  { refs }: DocumentTools,
  ctx: CallContext,
  options: DocumentOptions,
  { outcome }: ResultPlatform,
): Promise<(BlobLayer & LayerAbout)[]> {
  const ref = await outcome?.tree(ctx);
  try {
    const blobs = await refs.blobs(ctx, ref, {
      ...options.compression,
      oci: options.ociTypes,
      present: options.whole ? 'all' : 'distributable',
      nondistributable: options.nondistributable,
      ...(options.rewriteTimestamp && options.epoch !== undefined ? { latestTime: options.epoch } : {}),
    });
    const about = refs.layers(ref);
    return blobs.map((blob, at) => ({ ...blob, description: about[at]?.description ?? '', created: about[at]?.created }));
  } finally {
    ref?.release();
  }
}

async function writeImage(
  { services }: DocumentTools,
  ctx: CallContext,
  { input, options, platform, layers }: ImageParts,
): Promise<WrittenImage> {
  const { ociTypes, annotations, epoch } = options;
  const inlineCache = await input.inlineCache(platform.id);
  const bytes = imageConfig({ config: platform.config, baseConfig: platform.baseConfig, layers, inlineCache, epoch });
  const config: Descriptor = {
    mediaType: ociTypes ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    digest: sha256(bytes),
    size: bytes.length,
  };
  const annotated = annotationsFor(annotations, 'manifest', platform.platform);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: ociTypes ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
    config,
    layers: layers.map(({ blob }) => plainLayer(blob, ociTypes)),
    ...(annotated === undefined ? {} : { annotations: annotated }),
  };
  const chainId = chainIds(layers.map(({ diffId }) => diffId as Digest)).at(-1);
  const document = Buffer.from(JSON.stringify(manifest, null, 2));
  const written: Descriptor = { mediaType: manifest.mediaType ?? '', digest: sha256(document), size: document.length };
  // Each is waited for until it is on the disk; the lease holds both meanwhile.
  await Promise.all([
    writeNamed(services, ctx, { input, words: 'exporting manifest', blob: written, bytes: document, labels: manifestLabels(manifest) }),
    writeNamed(services, ctx, {
      input,
      words: 'exporting config',
      blob: config,
      bytes,
      labels: snapshotLabels(services.snapshotter, chainId),
    }),
  ]);
  const about = annotationsFor(annotations, 'manifest-descriptor', platform.platform);
  const descriptor = { ...written, ...(about === undefined ? {} : { annotations: about }), platform: shownPlatform(platform.platform) };
  return { of: platform, descriptor, config, layers, chainId };
}

async function writeIndex(
  { services }: DocumentTools,
  ctx: CallContext,
  input: ExportInput,
  { ociTypes, annotations }: DocumentOptions,
  manifests: Descriptor[],
): Promise<Descriptor> {
  const annotated = annotationsFor(annotations, 'index');
  const index: Index = {
    schemaVersion: 2,
    mediaType: ociTypes ? mediaTypes.ociIndex : mediaTypes.dockerManifestList,
    manifests,
    ...(annotated === undefined ? {} : { annotations: annotated }),
  };
  const bytes = Buffer.from(JSON.stringify(index, null, 2));
  const blob: Descriptor = { mediaType: index.mediaType ?? '', digest: sha256(bytes), size: bytes.length };
  await writeNamed(services, ctx, { input, words: 'exporting manifest list', blob, bytes, labels: indexLabels(index) });
  const about = annotationsFor(annotations, 'index-descriptor');
  return { ...blob, ...(about === undefined ? {} : { annotations: about }) };
}

async function writeNamed(
  services: ContentServices,
  ctx: CallContext,
  what: {
    readonly input: ExportInput;
    readonly words: string;
    readonly blob: Descriptor;
    readonly bytes: Buffer;
    readonly labels: Readonly<Record<string, string>>;
  },
): Promise<void> {
  await during(what.input.progress, `${what.words} ${what.blob.digest}`, () =>
    writeDocument(services, ctx, what.blob, what.bytes, what.labels),
  );
}

/** Docker's documents know no annotations; the builder's own notes and where a layer came from go with nobody. */
function plainLayer({ annotations = {}, ...layer }: Descriptor, oci: boolean): Descriptor {
  const kept = Object.entries(annotations).filter(
    ([key]) =>
      oci && key !== 'containerd.io/uncompressed' && !key.startsWith('buildkit/') && !key.startsWith('containerd.io/distribution.source.'),
  );
  return kept.length === 0 ? layer : { ...layer, annotations: Object.fromEntries(kept) };
}

const shownPlatform = ({ architecture, os, ...rest }: Platform): Platform => ({ architecture, os, ...rest });

function epochOf(metadata: ReadonlyMap<string, Buffer>): number | undefined {
  const text = metadata.get('source.date.epoch')?.toString() ?? '';
  if (text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw invalidArgument(`invalid SOURCE_DATE_EPOCH from frontend: "${text}"`);
  return Number(text);
}

function checkAnnotations({ annotations }: DocumentOptions, platforms: readonly ResultPlatform[], indexed: boolean): void {
  const stray = annotations.find(({ platform }) => platform !== '' && !platforms.some(({ id }) => id === platform));
  if (stray !== undefined) throw invalidArgument(`invalid annotation: no platform ${stray.platform} found in source`);
  if (!indexed && annotations.some(({ place }) => place.startsWith('index')))
    throw invalidArgument('index annotations not supported for single platform export');
}
