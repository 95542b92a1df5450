import { type Descriptor, mediaTypes, type Platform, sha256 } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { Attestation } from '../../frontend/frontend';
import type { StepProgress } from '../../progress/progress';
import type { BlobLayer, Refs } from '../../refs/ref';
import { type ContentServices, writeDocument } from '../../worker/blobs';
import { during } from '../../progress/during';
import { manifestLabels } from '../image/gc-labels';
import type { DocumentOptions } from '../image/attributes';
import { isCore, type ReadAttestation, readAttestations } from './content';
import { FileLayers } from './file-layers';
import { packageUrl } from './package-url';
import { digestSet, statementOf } from './statement';
import { supplemented } from './supplement';

const PAYLOAD = 'application/vnd.in-toto+json';
const ARTIFACT = 'application/vnd.docker.attestation.manifest.v1+json';
const EMPTY = Buffer.from('{}');

export interface AttestationParts {
  readonly attestations: readonly Attestation[];
  /** The image that they are about. */
  readonly subject: Descriptor;
  /** Its layers, from the bottom. */
  readonly imageLayers: readonly BlobLayer[];
  readonly platform: Platform;
  readonly names: readonly string[];
  readonly options: Pick<DocumentOptions, 'ociTypes' | 'ociArtifact'>;
  readonly progress: StepProgress;
}

/** Writes statements about an image, and the manifest that stands beside it in the index. */
export async function attestationManifest(
  tools: { readonly services: ContentServices; readonly refs: Refs },
  ctx: CallContext,
  { attestations, subject, imageLayers, platform, names, options, progress }: AttestationParts,
): Promise<{ readonly descriptor: Descriptor; readonly blobs: readonly Descriptor[] }> {
  const { services, refs } = tools;
  const self = names.map((name) => ({ name: packageUrl(name, platform), digest: digestSet(subject.digest) }));
  const files = new FileLayers(services, imageLayers);
  const read: ReadAttestation[] = [];
  for (const each of await readAttestations(refs, ctx, attestations)) read.push(isCore(each) ? await supplemented(ctx, each, files) : each);
  const statements = read.map((each) => ({ type: each.predicateType, bytes: statementOf(each, self, each.predicate) }));
  const layers = statements.map(({ type, bytes }): Descriptor => ({
    mediaType: PAYLOAD,
    digest: sha256(bytes),
    size: bytes.length,
    ...(options.ociTypes ? { annotations: { 'in-toto.io/predicate-type': type } } : {}),
  }));
  const { ociTypes, ociArtifact } = options;
  const configBytes = ociArtifact ? EMPTY : configOf(layers);
  const config: Descriptor = {
    mediaType: ociArtifact ? mediaTypes.ociEmpty : ociTypes ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    digest: sha256(configBytes),
    size: configBytes.length,
    ...(ociArtifact ? { data: EMPTY.toString('base64') } : {}),
  };
  const { mediaType, digest, size } = subject;
  const manifest = {
    schemaVersion: 2,
    mediaType: ociTypes ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
    ...(ociArtifact ? { artifactType: ARTIFACT } : {}),
    config,
    layers,
    ...(ociArtifact ? { subject: { mediaType, digest, size } } : {}),
  };
  const bytes = Buffer.from(JSON.stringify(manifest, null, 2));
  const descriptor: Descriptor = {
    mediaType: manifest.mediaType,
    digest: sha256(bytes),
    size: bytes.length,
    annotations: { 'vnd.docker.reference.digest': digest, 'vnd.docker.reference.type': 'attestation-manifest' },
    platform: { architecture: 'unknown', os: 'unknown' },
  };
  await during(progress, `exporting attestation manifest ${descriptor.digest}`, async () => {
    for (const [at, layer] of layers.entries()) await writeDocument(services, ctx, layer, statements[at]?.bytes ?? EMPTY);
    await writeDocument(services, ctx, config, configBytes);
    await writeDocument(services, ctx, descriptor, bytes, manifestLabels(manifest));
  });
  return { descriptor, blobs: [...layers, config] };
}

const configOf = (layers: readonly Descriptor[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: 'unknown',
      os: 'unknown',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
