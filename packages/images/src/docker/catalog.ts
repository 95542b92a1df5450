import {
  familiarString,
  formatReference,
  isDigest,
  isIndex,
  parentLabel,
  parseReference,
  type Platform,
  repositoryName,
  tryReference,
  withDefaultTag,
} from '@gantry/oci';
import { invalidArgument, notFound } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { ImageRecord, ImageTable } from '../store/images';
import type { Scope } from '../store/namespaced';
import type { ImageReader, LoadedImage } from './image-reader';
import { referenceOf, REPO_DIGEST_LABEL } from './names';

/** An image as docker means it on containerd's store: the manifest or index that names point to, and all the names. */
export interface CatalogEntry {
  /** Digest of the target. */
  readonly id: string;
  readonly image: LoadedImage;
  readonly records: readonly ImageRecord[];
}

/** Docker's view of the records of a namespace. */
export class Catalog {
  constructor(
    readonly images: ImageTable,
    readonly content: ContentStore,
    readonly reader: ImageReader,
  ) {}

  /** Every image that can be read, by id: what all its names point to. */
  async entries(scope: Scope): Promise<Map<string, CatalogEntry>> {
    const byId = new Map<string, { id: string; image: LoadedImage; records: ImageRecord[] }>();
    for (const record of this.images.list(scope)) {
      const image = await this.reader.tryLoad(scope, record.target);
      if (image === undefined) continue;
      const id = record.target.digest;
      const entry = byId.get(id);
      if (entry === undefined) byId.set(id, { id, image, records: [record] });
      else entry.records.push(record);
    }
    return byId;
  }

  /** The record that a name with tag or digest means. */
  findRecord(scope: Scope, text: string): ImageRecord | undefined {
    const exact = this.images.find(scope, text);
    if (exact !== undefined) return exact;
    const reference = tryReference(text);
    if (reference === undefined) return undefined;
    const { digest } = reference;
    const found = this.images.find(
      scope,
      formatReference(withDefaultTag(digest === undefined ? reference : { domain: reference.domain, path: reference.path, digest })),
    );
    if (found !== undefined || digest === undefined) return found;
    return this.images.list(scope).find((record) => {
      const own = referenceOf(record.name);
      return (
        own !== undefined &&
        repositoryName(own) === repositoryName(reference) &&
        (record.labels[REPO_DIGEST_LABEL] === digest || record.target.digest === digest)
      );
    });
  }

  /** Finds an image as docker does: full id, then name, then a prefix of the id. */
  async resolve(scope: Scope, text: string, platform?: Platform): Promise<CatalogEntry> {
    if (text === '') throw invalidArgument('invalid reference format');
    const hex = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text;
    if (!/^[0-9a-f]{64}$/.test(hex)) {
      const record = this.findRecord(scope, text);
      if (record !== undefined) return this.entryOf(scope, record, text, platform);
    }
    if (/^[0-9a-f]+$/.test(hex)) {
      const entries = await this.entries(scope);
      const matches = [...entries.values()].filter(({ id }) => id.startsWith(`sha256:${hex}`));
      if (matches.length > 1) throw invalidArgument(`multiple IDs found with provided prefix: ${text}`);
      if (matches[0] !== undefined) return this.forPlatform(scope, matches[0], text, platform);
      // Containers of older stores know their image by its configuration.
      const byConfig = hex.length === 64 ? [...entries.values()].find(({ image }) => image.configDigest === `sha256:${hex}`) : undefined;
      if (byConfig !== undefined) return this.forPlatform(scope, byConfig, text, platform);
    }
    throw noSuchImage(text);
  }

  /** An image, of whatever platform, whose layers make this chain; undefined when none says how. */
  async ofChain(scope: Scope, chainId: string): Promise<LoadedImage | undefined> {
    const whole = (image: LoadedImage | undefined): boolean => image?.chainIds.at(-1) === chainId;
    const entries = [...(await this.entries(scope)).values()];
    const own = entries.find(({ image }) => whole(image));
    if (own !== undefined) return own.image;
    for (const { records } of entries) {
      const [record] = records;
      if (record === undefined || !isIndex(record.target.mediaType)) continue;
      const { value: index } = await this.reader.documents.index(scope, record.target.digest);
      for (const manifest of index.manifests) {
        const image = this.content.has(scope, manifest.digest) ? await this.reader.tryLoad(scope, manifest) : undefined;
        if (whole(image)) return image;
      }
    }
    return undefined;
  }

  /** Id of the image that this one was made from here; empty when it is not known or gone. */
  parentOf(scope: Scope, image: LoadedImage): string {
    return this.content.table.find(scope, image.configDigest)?.labels[parentLabel] ?? '';
  }

  /** As parentOf, as it is called now: older stores noted the parent's configuration. */
  async parentIdOf(scope: Scope, image: LoadedImage): Promise<string> {
    const parent = this.parentOf(scope, image);
    if (parent === '' || this.images.hasTarget(scope, parent)) return parent;
    return idOfConfig(await this.entries(scope)).get(parent) ?? parent;
  }

  /** The same for all of them at once, by id: asked for one by one, each would look at all the others. */
  parentIds(scope: Scope, entries: ReadonlyMap<string, CatalogEntry>): Map<string, string> {
    const byConfig = idOfConfig(entries);
    const asNow = (parent: string): string => (entries.has(parent) ? parent : (byConfig.get(parent) ?? parent));
    return new Map([...entries].map(([id, { image }]) => [id, asNow(this.parentOf(scope, image))]));
  }

  private async entryOf(scope: Scope, record: ImageRecord, text: string, platform: Platform | undefined): Promise<CatalogEntry> {
    const image = await this.reader.tryLoad(scope, record.target, platform);
    if (image === undefined) {
      if (platform !== undefined)
        throw notFound(
          `image with reference ${text} was found but does not provide the specified platform (${platform.os}/${platform.architecture}${platform.variant === undefined ? '' : `/${platform.variant}`})`,
        );
      throw noSuchImage(text);
    }
    const id = record.target.digest;
    return { id, image, records: this.images.list(scope).filter(({ target }) => target.digest === id) };
  }

  private async forPlatform(scope: Scope, entry: CatalogEntry, text: string, platform: Platform | undefined): Promise<CatalogEntry> {
    const [record] = entry.records;
    return platform === undefined || record === undefined ? entry : this.entryOf(scope, record, text, platform);
  }
}

/** Of several with one configuration the first. */
const idOfConfig = (entries: ReadonlyMap<string, CatalogEntry>): Map<string, string> =>
  new Map([...entries.values()].reverse().map(({ id, image }) => [image.configDigest, id]));

/** Docker's words, with the tag that was meant. */
export function noSuchImage(text: string): Error {
  if (isDigest(text) || /^[0-9a-f]{64}$/.test(text)) return notFound(`No such image: ${isDigest(text) ? text : `sha256:${text}`}`);
  const reference = tryReference(text);
  if (reference === undefined) {
    try {
      parseReference(text);
    } catch (error) {
      return error as Error;
    }
  }
  return notFound(`No such image: ${reference === undefined ? text : familiarString(withDefaultTag(reference))}`);
}
