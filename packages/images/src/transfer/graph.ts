import {
  type Descriptor,
  type Index,
  isConfig,
  isIndex,
  isLayer,
  isManifest,
  type Manifest,
  type Platform,
  platformEquals,
} from '@gantry/oci';
import { parseIndex, parseManifest } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import { indexLabels, manifestLabels } from '../docker/gc-labels';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';

/** Label on a manifest's content: the digest of what it refers to. */
export const SUBJECT_LABEL = 'gantry.io/subject';
/** Keeps referrers as long as their subject, by the words of containerd's garbage collection. */
export const referrerLabel = (digest: string): string =>
  `containerd.io/gc.ref.content.referrer.${digest.slice('sha256:'.length, 'sha256:'.length + 16)}`;

/** What a manifest or index is made of. Something else is a leaf. */
export interface Node {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly index: Index | undefined;
  readonly manifest: Manifest | undefined;
}

export const isDocument = ({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean => isIndex(mediaType) || isManifest(mediaType);

/** Is it an image that can be unpacked? */
export const isImage = ({ config, layers }: Manifest): boolean =>
  isConfig(config.mediaType) && layers.every(({ mediaType }) => isLayer(mediaType));

/** Entries of an index for these platforms (none: all); what names no platform always belongs to it. */
export function wanted(index: Index, platforms: readonly Platform[], limit = 0): Descriptor[] {
  const suiting = index.manifests.filter(
    ({ platform }) => platforms.length === 0 || platform === undefined || platforms.some((each) => platformEquals(each, platform)),
  );
  return limit === 0 ? suiting : suiting.slice(0, limit);
}

export function parseNode(descriptor: Descriptor, bytes: Buffer): Node {
  const index = isIndex(descriptor.mediaType) ? parseIndex(bytes, descriptor.digest) : undefined;
  return { descriptor, bytes, index, manifest: index === undefined ? parseManifest(bytes, descriptor.digest) : undefined };
}

export const subjectOf = ({ index, manifest }: Node): Descriptor | undefined => index?.subject ?? manifest?.subject;

/** Manifests here that refer to a digest. */
export function storedReferrers(content: ContentStore, scope: Scope, digest: string): string[] {
  return content.list(scope, (read) => read(['labels', SUBJECT_LABEL]) === digest).map((info) => info.digest);
}

/** Stores a document with the references to those of its parts that are here. */
export async function keepNode(content: ContentStore, scope: Scope, node: Node, more: Labels = {}): Promise<void> {
  const here = (digest: string): boolean => content.has(scope, digest);
  const labels: Labels = { ...(node.index === undefined ? {} : indexLabels(node.index, here)), ...more };
  if (node.manifest !== undefined)
    for (const [name, digest] of Object.entries(manifestLabels(node.manifest))) if (here(digest)) labels[name] = digest;
  const subject = subjectOf(node);
  if (subject !== undefined) {
    labels[SUBJECT_LABEL] = subject.digest;
    if (here(subject.digest)) content.setLabels(scope, subject.digest, { [referrerLabel(node.descriptor.digest)]: node.descriptor.digest });
  }
  await content.put(scope, node.bytes, node.descriptor.digest, labels);
}
