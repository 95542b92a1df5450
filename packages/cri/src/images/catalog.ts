import type { Image as ImageRecord } from '@gantry/api/containerd/services/images/v1/images';
import type { Image as StoredImage } from '@gantry/api/gantry/images/v1/images';
import { formatReference, type ImageConfig, repoDigestLabel, repositoryName, tryReference, withDefaultTag } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { Services } from '../services';

/** On a record: the image is never taken away to make room. containerd's CRI writes the same. */
export const PINNED_LABEL = 'io.cri-containerd.pinned';

/** An image as Kubernetes means it: a configuration, and all names that lead to it. */
export interface KnownImage {
  /** Digest of the configuration. */
  readonly id: string;
  /** Full names with a tag, and with a digest that a registry knows. */
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  /** Names of all its records. */
  readonly names: readonly string[];
  readonly pinned: boolean;
  readonly stored: StoredImage;
}

/** What the catalog asks of the services below. */
export interface CatalogNeeds {
  readonly images: Pick<Services['images'], 'list'>;
  readonly imageStore: Pick<Services['imageStore'], 'list'>;
}

/** Every image that can be read, in order of its id. */
export async function listKnown({ images, imageStore }: CatalogNeeds, ctx: CallContext): Promise<KnownImage[]> {
  const [records, stored] = await Promise.all([
    images.list(ctx, { filters: [] }),
    imageStore.list(ctx, { all: true, filters: {}, sharedSize: false }),
  ]);
  return knownImages(records.images, stored.images);
}

/** Names are told apart by what they lead to in the end: an index and its manifest are one image. */
export function knownImages(records: readonly ImageRecord[], stored: readonly StoredImage[]): KnownImage[] {
  const byName = new Map(records.map((record) => [record.name, record]));
  const byConfig = new Map<string, StoredImage[]>();
  for (const image of stored) byConfig.set(image.configDigest, [...(byConfig.get(image.configDigest) ?? []), image]);
  return [...byConfig]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([id, [first, ...others]]) => {
      if (first === undefined) return [];
      const names = [first, ...others].flatMap((image) => image.names);
      const labels = (name: string): Readonly<Record<string, string>> => byName.get(name)?.labels ?? {};
      return [
        {
          id,
          names,
          tags: names.filter((name) => isTag(name)).sort(),
          digests: [...new Set(names.flatMap((name) => digestsOf(name, labels(name))))].sort(),
          pinned: names.some((name) => labels(name)[PINNED_LABEL] === 'pinned'),
          stored: first,
        },
      ];
    });
}

function isTag(name: string): boolean {
  const reference = tryReference(name);
  return reference?.tag !== undefined && reference.digest === undefined;
}

/** Under what digest a registry knows the image by this name; nothing where it came from none. */
function digestsOf(name: string, labels: Readonly<Record<string, string>>): string[] {
  const reference = tryReference(name);
  if (reference === undefined) return [];
  const digest = reference.digest ?? labels[repoDigestLabel];
  return digest === undefined ? [] : [`${repositoryName(reference)}@${digest}`];
}

/** An image by what people and kubelet call it: a name with tag or digest, an id, the beginning of one. Undefined: there is none. */
export function findKnown(all: readonly KnownImage[], text: string): KnownImage | undefined {
  const name = nameOf(text);
  const named = name === undefined ? undefined : all.find(({ tags, digests }) => tags.includes(name) || digests.includes(name));
  if (named !== undefined) return named;
  const hex = text.replace(/^sha256:/, '');
  if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
  const matches = all.filter(({ id }) => id.startsWith(`sha256:${hex}`));
  return matches.length === 1 ? matches[0] : undefined;
}

/** The full form of a name: a tag beside a digest says nothing, none at all is `latest`. Undefined for what is no name. */
export function nameOf(text: string): string | undefined {
  const reference = tryReference(text);
  if (reference === undefined) return undefined;
  const { domain, path, digest } = reference;
  return formatReference(digest === undefined ? withDefaultTag(reference) : { domain, path, digest });
}

export const configOf = ({ stored }: KnownImage): ImageConfig => JSON.parse(Buffer.from(stored.configJson).toString()) as ImageConfig;
