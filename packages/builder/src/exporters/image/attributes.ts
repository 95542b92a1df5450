import { invalidArgument } from '@gantry/rpc';
import type { BlobOptions } from '../../refs/ref';
import { booleanOf, compressionOf, epochOf, integerOf } from '../attribute-values';
import { type Annotation, annotationOf } from './annotations';

/** How the documents of an image are made; the same for all exporters of images. */
export interface DocumentOptions {
  readonly compression: Pick<BlobOptions, 'compression' | 'force' | 'level'>;
  readonly ociTypes: boolean;
  /** The attestation manifest is an artifact with a subject. */
  readonly ociArtifact: boolean;
  readonly annotations: readonly Annotation[];
  /** Seconds since 1970 that no time is later than; undefined: what the frontend says. */
  readonly epoch: number | undefined;
  readonly rewriteTimestamp: boolean;
  /** Attestations that only make sense inside an image are written, too. */
  readonly inlineAttestations: boolean;
  /** Layers that were found at addresses of their makers stay there. */
  readonly nondistributable: boolean;
  /** What is written holds all blobs, those that stay with their makers, too. */
  readonly whole: boolean;
  /** Frontend metadata that the client gave with the exporter. */
  readonly metadata: ReadonlyMap<string, Buffer>;
}

export interface ReadAttributes {
  readonly options: DocumentOptions;
  /** What is not about the documents. */
  readonly rest: ReadonlyMap<string, string>;
}

/** Metadata that a client may set beside the frontend's. What is to be attested the frontend's options say; told to the exporter, too, it changes nothing. */
const METADATA = /^(containerimage\.(config|base\.config)(\/.+)?|refs\.platforms|image\.name|attest:.+)$/;

/** What buildx, compose and older clients put down and read themselves, or what no BuildKit reads any more: means nothing here, as there. */
const CLIENTS_OWN = new Set(['prefer-image-digest', 'context', 'load', 'buildinfo', 'buildinfo-attrs']);

export function documentAttributes(
  attributes: ReadonlyMap<string, string>,
  defaults: Pick<DocumentOptions, 'ociTypes' | 'inlineAttestations' | 'whole'>,
): ReadAttributes {
  let compression: BlobOptions['compression'] = 'gzip';
  let force = false;
  let level: number | undefined;
  let { ociTypes, inlineAttestations } = defaults;
  let ociArtifact = false;
  let epoch: number | undefined;
  let rewriteTimestamp = false;
  let nondistributable = false;
  const annotations: Annotation[] = [];
  const metadata = new Map<string, Buffer>();
  const rest = new Map<string, string>();
  for (const [key, value] of attributes) {
    const annotation = annotationOf(key, value);
    if (CLIENTS_OWN.has(key)) continue;
    if (annotation !== undefined) annotations.push(annotation);
    else if (METADATA.test(key)) metadata.set(key, Buffer.from(value));
    else if (key === 'compression') compression = compressionOf(value);
    else if (key === 'force-compression') force = booleanOf(key, value);
    else if (key === 'compression-level') level = integerOf(key, value);
    else if (key === 'oci-mediatypes') ociTypes = booleanOf(key, value);
    else if (key === 'oci-artifact') ociArtifact = booleanOf(key, value);
    else if (key === 'attestation-inline') inlineAttestations = booleanOf(key, value);
    else if (key === 'rewrite-timestamp') rewriteTimestamp = booleanOf(key, value);
    else if (key === 'source-date-epoch') epoch = value === '' ? undefined : epochOf(key, value);
    else if (key === 'prefer-nondist-layers') nondistributable = booleanOf(key, value);
    else rest.set(key, value);
  }
  const types = ociTypes || ociArtifact;
  return {
    rest,
    options: {
      compression: { compression, force, ...(level === undefined ? {} : { level }) },
      ociTypes: types,
      ociArtifact,
      annotations,
      epoch,
      rewriteTimestamp,
      inlineAttestations,
      nondistributable,
      whole: defaults.whole,
      metadata,
    },
  };
}

export function refuseUnknown(exporter: string, rest: ReadonlyMap<string, string>): void {
  const [unknown] = rest.keys();
  if (unknown !== undefined) throw invalidArgument(`${exporter} exporter: unknown attribute ${unknown}`);
}
