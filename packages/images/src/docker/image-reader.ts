import {
  chainIds,
  type Descriptor,
  type Digest,
  hostPlatform,
  isConfig,
  type ImageConfig,
  type Index,
  isIndex,
  isManifest,
  type Manifest,
  type Platform,
  platformEquals,
  runnable,
  formatPlatform,
} from '@gantry/oci';
import { isErrorOf, notFound, notImplemented } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { Target } from '../store/images';
import type { Scope } from '../store/namespaced';
import { Documents } from './documents';

/** An image for one platform, with its documents read. */
export interface LoadedImage {
  /** Digest of the configuration. */
  readonly configDigest: Digest;
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  readonly manifestSize: number;
  readonly config: ImageConfig;
  readonly configJson: Buffer;
  /** Bottom first; empty for an image without layers. */
  readonly chainIds: readonly string[];
}

/** Reads images out of content. What a digest names never changes, so it is read once. */
export class ImageReader {
  readonly documents: Documents;
  private readonly cache = new Map<string, { readonly image: LoadedImage; readonly absent: readonly string[] }>();

  constructor(private readonly content: ContentStore) {
    this.documents = new Documents(content);
  }

  /** The image behind a target, for the platform or the host's best. Throws notFound when content is missing. */
  async load(scope: Scope, target: Pick<Target, 'digest' | 'mediaType'>, platform?: Platform): Promise<LoadedImage> {
    const key = `${scope.namespace} ${target.digest} ${platform === undefined ? '' : JSON.stringify(platform)}`;
    const cached = this.cache.get(key);
    const has = (digest: string): boolean => this.content.has(scope, digest);
    // A platform of an index that was pulled since may suit better.
    if (cached !== undefined && has(cached.image.configDigest) && has(target.digest) && !cached.absent.some(has)) return cached.image;
    const loaded = await this.read(scope, target, platform);
    if (this.cache.size > 1000) this.cache.clear();
    this.cache.set(key, loaded);
    return loaded.image;
  }

  /** As load, or undefined when it cannot be read (a part is missing, an artifact is no image). */
  async tryLoad(scope: Scope, target: Pick<Target, 'digest' | 'mediaType'>, platform?: Platform): Promise<LoadedImage | undefined> {
    try {
      return await this.load(scope, target, platform);
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'dataLoss', 'notImplemented')) return undefined;
      throw error;
    }
  }

  private async read(
    scope: Scope,
    target: Pick<Target, 'digest' | 'mediaType'>,
    platform: Platform | undefined,
  ): Promise<{ readonly image: LoadedImage; readonly absent: readonly string[] }> {
    if (isIndex(target.mediaType)) {
      const { value: index } = await this.documents.index(scope, target.digest);
      const chosen = await this.choose(scope, index, platform);
      if (chosen === undefined)
        throw notFound(
          `image ${target.digest} was found but does not provide ${platform === undefined ? 'a platform that is here' : `the specified platform (${formatPlatform(platform)})`}`,
        );
      return {
        image: await this.load(scope, chosen, platform),
        absent: index.manifests.flatMap(({ digest }) => (this.content.has(scope, digest) ? [] : [digest])),
      };
    }
    if (!isManifest(target.mediaType)) throw notImplemented(`${target.digest} has the media type ${target.mediaType}, which is no image`);
    const { value: manifest, bytes } = await this.documents.manifest(scope, target.digest);
    if (!isImageConfig(manifest.config.mediaType))
      throw notImplemented(`${target.digest} is no image: its configuration is ${manifest.config.mediaType}`);
    const { value: config, bytes: configJson } = await this.documents.config(scope, manifest.config.digest);
    if (platform !== undefined && !platformEquals(config, platform))
      throw notFound(`image ${manifest.config.digest} is for ${config.os}/${config.architecture}`);
    return {
      image: {
        configDigest: manifest.config.digest,
        manifest,
        manifestDigest: target.digest,
        manifestSize: bytes.length,
        config,
        configJson,
        chainIds: chainIds(config.rootfs.diff_ids),
      },
      absent: [],
    };
  }

  /** The best manifest of those that are here. */
  private choose(scope: Scope, index: Index, platform: Platform | undefined): Promise<Descriptor | undefined> {
    const here = index.manifests.filter((entry) => this.content.has(scope, entry.digest));
    return Promise.resolve(choosePlatform(here, platform));
  }
}

/** Old tools wrote no or a general type. */
const isImageConfig = (mediaType: string): boolean =>
  isConfig(mediaType) || ['', 'application/octet-stream', 'application/json'].includes(mediaType);

/**
 * The entry for a platform; without one the host's best, else the first that names none, else (unless it is to run here) the first there is: an image
 * is still an image where nothing of it is for this host. Attestations never suit.
 */
export function choosePlatform<T extends { readonly platform?: Platform }>(
  entries: readonly T[],
  platform: Platform | undefined,
  toRun = false,
): T | undefined {
  const real = entries.filter((entry) => entry.platform?.os !== 'unknown');
  if (platform !== undefined) return real.find((entry) => entry.platform !== undefined && platformEquals(entry.platform, platform));
  for (const wanted of runnable(hostPlatform())) {
    const found = real.find((entry) => entry.platform !== undefined && platformEquals(entry.platform, wanted));
    if (found !== undefined) return found;
  }
  return real.find((entry) => entry.platform === undefined) ?? (toRun ? undefined : real[0]);
}
