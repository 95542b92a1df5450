import type { Writable } from 'node:stream';
import {
  type Descriptor,
  familiarString,
  formatPlatform,
  isIndex,
  type Platform,
  platformEquals,
  type Reference,
  sha256,
  tryReference,
  withDefaultTag,
} from '@gantry/oci';
import { cancelled, drained, isErrorOf, notFound } from '@gantry/rpc';
import { parseIndex, parseManifest } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import type { LoadedImage } from '../docker/image-reader';
import { referenceOf } from '../docker/names';
import type { ImageRecord } from '../store/images';
import type { Scope } from '../store/namespaced';
import { TAR_END, tarHeader, tarPadding } from './tar-writer';

/** An image to save, and the names it shall have in the archive. */
export interface SaveItem {
  /** Where it is. */
  readonly namespace: string;
  readonly image: LoadedImage;
  /** What it is called: its digest is the image's id. */
  readonly target: ImageRecord['target'];
  readonly names: readonly string[];
  /** Only these; empty: every platform that is here. */
  readonly platforms: readonly Platform[];
}

export interface SaveWish {
  readonly refs: readonly string[];
  readonly platforms: readonly Platform[];
  /** The namespace that is looked at for what the first one does not have; empty: none. */
  readonly from: string;
}

/** What the given references mean: a bare repository saves all its tags, an id no name. Throws docker's error for an unknown one. */
export async function itemsToSave(catalog: Catalog, scope: Scope, { refs, platforms, from }: SaveWish): Promise<SaveItem[]> {
  const items = new Map<string, Omit<SaveItem, 'names'> & { readonly names: Set<string> }>();
  for (const ref of refs) {
    const found = await meant(catalog, scope, ref, platforms).catch(async (error: unknown) => {
      if (from === '' || !isErrorOf(error, 'notFound')) throw error;
      return meant(catalog, { namespace: from }, ref, platforms).catch((second: unknown) => {
        throw isErrorOf(second, 'notFound') ? error : second;
      });
    });
    for (const { names, ...item } of found) {
      const known = items.get(item.target.digest) ?? { ...item, names: new Set<string>() };
      for (const name of names) known.names.add(name);
      items.set(item.target.digest, known);
    }
  }
  return [...items.values()].map((item) => ({ ...item, names: [...item.names] }));
}

/** What one of them means in one namespace. */
async function meant(catalog: Catalog, scope: Scope, ref: string, platforms: readonly Platform[]): Promise<SaveItem[]> {
  const isId = await namesById(catalog, scope, ref);
  const reference = isId ? undefined : tryReference(ref);
  const repository =
    reference === undefined || reference.tag !== undefined || reference.digest !== undefined ? [] : tagged(catalog, scope, reference);
  const items: SaveItem[] = [];
  for (const name of repository.length === 0 ? [ref] : repository) {
    const [platform] = platforms;
    for (const other of platforms.slice(1)) await find(catalog, scope, name, other); // each must be there
    const { image, records } = await find(catalog, scope, name, platform);
    const record = catalog.findRecord(scope, name) ?? records[0];
    const names = record === undefined || (repository.length === 0 && reference?.tag === undefined) ? [] : [record.name];
    if (record !== undefined) items.push({ namespace: scope.namespace, image, target: record.target, names, platforms });
  }
  return items;
}

/** The image of a name. Throws docker's error for a platform that it does not have. */
async function find(catalog: Catalog, scope: Scope, name: string, platform: Platform | undefined): ReturnType<Catalog['resolve']> {
  try {
    return await catalog.resolve(scope, name, platform);
  } catch (error) {
    const reference = tryReference(name);
    const other = platform === undefined || !isErrorOf(error, 'notFound') || catalog.findRecord(scope, name) === undefined;
    if (other || reference === undefined) throw error;
    const found = `image with reference ${familiarString(withDefaultTag(reference))} was found`;
    throw notFound(`no suitable export target found: ${found} but does not provide the specified platform (${formatPlatform(platform)})`, {
      cause: error,
    });
  }
}

/** Whether a text means an image by its id, or a part of it, rather than a repository of that name. */
async function namesById(catalog: Catalog, scope: Scope, text: string): Promise<boolean> {
  const hex = text.replace(/^sha256:/, '');
  if (!/^[0-9a-f]+$/.test(hex)) return false;
  try {
    const { id, image } = await catalog.resolve(scope, text);
    return [id, image.configDigest].some((digest) => digest.startsWith(`sha256:${hex}`));
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return false;
    throw error;
  }
}

/** Names of all that is tagged in a repository, whatever its tags are. */
const tagged = (catalog: Catalog, scope: Scope, repository: Reference): string[] =>
  catalog.images.list(scope).flatMap(({ name }) => {
    const own = referenceOf(name);
    return own?.tag !== undefined && own.domain === repository.domain && own.path === repository.path ? [name] : [];
  });

/**
 * Writes images as docker's archive and OCI layout at once: blobs by digest, manifest.json and repositories for docker (20.10 reads it), index.json
 * for everyone else. Layers are written as they are stored, each once.
 */
export async function saveArchive(content: ContentStore, items: readonly SaveItem[], out: Writable): Promise<void> {
  const writer = new ArchiveWriter(content, out);
  const index: Descriptor[] = [];
  for (const item of items) {
    const entries = await writer.image(item);
    for (const entry of entries) {
      const named = item.names.map((name) => {
        const reference = tryReference(name);
        const annotations = {
          ...entry.annotations,
          'io.containerd.image.name': name,
          ...(reference?.tag === undefined ? {} : { 'org.opencontainers.image.ref.name': reference.tag }),
        };
        return { ...entry, annotations };
      });
      index.push(...(named.length === 0 ? [entry] : named));
    }
  }
  const layers = (image: LoadedImage): string[] => image.manifest.layers.map(({ digest }) => blobPath(digest));
  const familiar = (name: string): string[] => {
    const reference = tryReference(name);
    return reference?.tag === undefined ? [] : [familiarString(reference)];
  };
  const docker = items.map(({ image, names }) => ({
    Config: blobPath(image.configDigest),
    RepoTags: names.length === 0 ? null : names.flatMap(familiar),
    Layers: layers(image),
  }));
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of items) {
    for (const name of names.flatMap(familiar)) {
      const colon = name.lastIndexOf(':');
      (repositories[name.slice(0, colon)] ??= {})[name.slice(colon + 1)] = (image.chainIds.at(-1) ?? image.configDigest).slice(
        'sha256:'.length,
      );
    }
  }
  await writer.file('index.json', json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: index }));
  await writer.file('manifest.json', json(docker));
  await writer.file('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  if (Object.keys(repositories).length > 0) await writer.file('repositories', json(repositories));
  await writer.write(TAR_END);
}

class ArchiveWriter {
  private readonly written = new Set<string>();
  /** Where the image is that is written. */
  private scope: Scope = { namespace: '' };

  constructor(
    private readonly content: ContentStore,
    private readonly out: Writable,
  ) {}

  /**
   * Blobs of one image; the descriptors for index.json. Of an index all that is here and the index itself, for its digest is the image's id; where platforms are
   * asked for, the index with several of them, else the one manifest.
   */
  async image({ namespace, image, target, platforms }: SaveItem): Promise<Descriptor[]> {
    this.scope = { namespace };
    if (isIndex(target.mediaType)) {
      const bytes = await this.content.readAll(this.scope, target.digest);
      const index = parseIndex(bytes, target.digest);
      const here = index.manifests.filter(({ digest }) => this.isWhole(digest));
      const wanted =
        platforms.length === 0
          ? here
          : here.filter(({ platform }) => platform !== undefined && platforms.some((each) => platformEquals(platform, each)));
      if (wanted.length > 1 || (wanted.length === 1 && (platforms.length === 0 || index.manifests.length === 1))) {
        for (const { digest } of wanted) await this.manifest(digest);
        await this.blob(target.digest);
        return [{ mediaType: target.mediaType, digest: sha256(bytes), size: bytes.length }];
      }
    }
    const bytes = await this.manifest(image.manifestDigest);
    const platform = {
      architecture: image.config.architecture,
      os: image.config.os,
      ...(image.config.variant === undefined ? {} : { variant: image.config.variant }),
    };
    const mediaType =
      image.manifest.mediaType ?? (isIndex(target.mediaType) ? 'application/vnd.oci.image.manifest.v1+json' : target.mediaType);
    return [{ mediaType, digest: sha256(bytes), size: bytes.length, platform }];
  }

  /** Whether a manifest is here with everything that it names. Its labels tell, as garbage collection sees it. */
  private isWhole(digest: string): boolean {
    const labels = this.content.table.find(this.scope, digest)?.labels;
    return (
      labels !== undefined &&
      Object.entries(labels).every(([key, value]) => !key.startsWith('containerd.io/gc.ref.content') || this.content.has(this.scope, value))
    );
  }

  async manifest(digest: string): Promise<Buffer> {
    const bytes = await this.content.readAll(this.scope, digest);
    const manifest = parseManifest(bytes, digest);
    for (const layer of manifest.layers) await this.blob(layer.digest);
    await this.blob(manifest.config.digest);
    await this.blob(digest);
    return bytes;
  }

  async blob(digest: string): Promise<void> {
    if (this.written.has(digest)) return;
    this.written.add(digest);
    const { size } = this.content.info(this.scope, digest);
    await this.write(tarHeader(blobPath(digest), size));
    for await (const part of this.content.read(this.scope, digest)) await this.write(part);
    await this.write(tarPadding(size));
  }

  async file(name: string, data: Buffer): Promise<void> {
    await this.write(tarHeader(name, data.length));
    await this.write(data);
    await this.write(tarPadding(data.length));
  }

  async write(data: Buffer): Promise<void> {
    if (data.length === 0 || this.out.write(data)) return;
    await drained(this.out);
    if (this.out.destroyed) throw cancelled('the reader of the archive went away', { cause: this.out.errored });
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const blobPath = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
