import { chainIds, type Descriptor, isIndex, type Manifest } from '@gantry/oci';
import { parseConfig, parseIndex, parseManifest, SOURCE_PREFIX, sourceLabel } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import { configLabels, indexLabels, manifestLabels } from '../docker/gc-labels';
import { choosePlatform } from '../docker/image-reader';
import { referenceOf, REPO_DIGEST_LABEL } from '../docker/names';
import type { Database } from '../store/database';
import type { ImageRecord, ImageTable } from '../store/images';
import type { Labels } from '../store/labels';

/** A repository that is known to have an image's blobs. */
export interface Source {
  readonly domain: string;
  readonly path: string;
}

/** A blob that an image record of a namespace needs. */
export interface Wanted {
  readonly namespace: string;
  readonly digest: string;
  readonly size: number;
  readonly document: boolean;
  /** Name and target of the image. */
  readonly image: string;
  readonly top: string;
  readonly sources: readonly Source[];
  /** References of garbage collection that its record carries. */
  readonly labels: Labels;
}

/** How a snapshot is made: this layer on that parent. */
export interface Recipe {
  readonly layer: string;
  readonly diffId: string;
  /** Chain id; empty for the lowest layer. */
  readonly parent: string;
}

/** Repositories that the labels of a blob name: at each of these registries that has the label's host, for it has no port; else at the host itself. */
export function sourcesOf(labels: Labels, domains: Iterable<string> = []): Source[] {
  const known = [...domains];
  return Object.entries(labels).flatMap(([key, value]) => {
    if (!key.startsWith(SOURCE_PREFIX)) return [];
    const named = known.filter((domain) => sourceLabel(domain) === key);
    const places = named.length > 0 ? named : [key.slice(SOURCE_PREFIX.length)];
    return value
      .split(',')
      .filter((path) => path !== '')
      .flatMap((path) => places.map((domain) => ({ domain, path })));
  });
}

/** Everything that image records need, found by reading the documents that are there. */
export class WantedBlobs {
  /** By namespace and digest. */
  readonly blobs = new Map<string, Wanted>();
  /** By namespace and chain id. */
  readonly recipes = new Map<string, Recipe>();
  /** Documents that cannot be read, by namespace and digest: why. */
  readonly unreadable = new Map<string, { readonly image: string; readonly why: string }>();

  /** Registries that names of images were pulled from. */
  private readonly domains = new Set<string>();

  private constructor(
    private readonly content: ContentStore,
    private readonly db: Database,
  ) {}

  static async gather(db: Database, content: ContentStore, images: ImageTable): Promise<WantedBlobs> {
    const all = new WantedBlobs(content, db);
    for (const { ns } of db.all<{ ns: string }>('SELECT DISTINCT ns FROM images')) {
      const records = images.list({ namespace: ns });
      for (const { name } of records) {
        const reference = referenceOf(name);
        if (reference !== undefined) all.domains.add(reference.domain);
      }
      for (const record of records) await all.image(ns, record);
    }
    return all;
  }

  private async image(namespace: string, { name, target, labels }: ImageRecord): Promise<void> {
    const reference = labels[REPO_DIGEST_LABEL] === undefined ? undefined : referenceOf(name); // a name that was pulled tells its source, too
    const image = {
      namespace,
      name,
      top: target.digest,
      sources: reference === undefined ? [] : [{ domain: reference.domain, path: reference.path }],
    };
    if (isIndex(target.mediaType)) {
      const bytes = await this.visit(image, target, true);
      const index = bytes && this.read(image, target.digest, () => parseIndex(bytes, target.digest));
      if (index === undefined) return;
      this.label(
        image,
        target.digest,
        indexLabels(index, (digest) => this.content.has({ namespace }, digest)),
      );
      const here = index.manifests.filter(({ digest }) => this.content.has({ namespace }, digest));
      const own = choosePlatform(index.manifests, undefined, true);
      for (const entry of here.length > 0 || own === undefined ? here : [own]) await this.manifest(image, entry, entry === own);
    } else {
      await this.manifest(image, target, true);
    }
  }

  private async manifest(
    image: Image,
    descriptor: Pick<Descriptor, 'digest' | 'size'> | { readonly digest: string; readonly size: number },
    needed: boolean,
  ): Promise<void> {
    const bytes = await this.visit(image, descriptor, true);
    const manifest = bytes && this.read(image, descriptor.digest, () => parseManifest(bytes, descriptor.digest));
    if (manifest === undefined) return;
    this.label(image, descriptor.digest, manifestLabels(manifest));
    // Clients of containerd's keep documents of platforms whose layers they did not want.
    const wanted = needed || manifest.layers.some(({ digest }) => this.content.has({ namespace: image.namespace }, digest));
    const configJson =
      wanted || this.content.has({ namespace: image.namespace }, manifest.config.digest)
        ? await this.visit(image, manifest.config, false)
        : undefined;
    if (wanted) for (const layer of manifest.layers) await this.visit(image, layer, false, false);
    if (configJson !== undefined) this.recipe(image, manifest, configJson);
  }

  private recipe(image: Image, manifest: Manifest, configJson: Buffer): void {
    let diffIds: readonly string[];
    try {
      diffIds = parseConfig(configJson, manifest.config.digest).rootfs.diff_ids;
    } catch {
      return; // an artifact, or a document whose own digest is found wrong
    }
    if (diffIds.length !== manifest.layers.length) return;
    const chains = chainIds(diffIds as Parameters<typeof chainIds>[0]);
    const laid = this.db.all<{ snapshotter: string }>(
      'SELECT snapshotter FROM snapshots WHERE ns = ? AND name = ?',
      image.namespace,
      chains.at(-1) ?? '',
    );
    this.label(
      image,
      manifest.config.digest,
      Object.assign({}, ...laid.map(({ snapshotter }) => configLabels(snapshotter, chains.at(-1)))) as Labels,
    );
    chains.forEach((chain, at) =>
      this.recipes.set(`${image.namespace} ${chain}`, {
        layer: manifest.layers[at]?.digest ?? '',
        diffId: diffIds[at] ?? '',
        parent: chains[at - 1] ?? '',
      }),
    );
  }

  /** Notes a blob; its bytes when it is a small one that is there. */
  private async visit(
    image: Image,
    { digest, size }: { readonly digest: string; readonly size: number },
    document: boolean,
    read = true,
  ): Promise<Buffer | undefined> {
    const key = `${image.namespace} ${digest}`;
    const info = this.content.table.find({ namespace: image.namespace }, digest);
    for (const source of sourcesOf(info?.labels ?? {}, this.domains))
      if (!image.sources.some(({ domain, path }) => domain === source.domain && path === source.path)) image.sources.push(source);
    if (!this.blobs.has(key))
      this.blobs.set(key, {
        namespace: image.namespace,
        digest,
        size,
        document,
        image: image.name,
        top: image.top,
        sources: image.sources,
        labels: {},
      });
    if (info === undefined || !read) return undefined;
    return this.content.readAll({ namespace: image.namespace }, digest).catch(() => undefined);
  }

  private label(image: Image, digest: string, labels: Labels): void {
    const key = `${image.namespace} ${digest}`;
    const old = this.blobs.get(key);
    if (old !== undefined) this.blobs.set(key, { ...old, labels });
  }

  private read<T>(image: Image, digest: string, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      this.unreadable.set(`${image.namespace} ${digest}`, { image: image.name, why: (error as Error).message });
      return undefined;
    }
  }

  /** Any need for a blob, whatever namespace. */
  find(digest: string): Wanted | undefined {
    for (const { ns } of this.db.all<{ ns: string }>('SELECT ns FROM content WHERE digest = ?', digest)) {
      const found = this.blobs.get(`${ns} ${digest}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

interface Image {
  readonly namespace: string;
  readonly name: string;
  readonly top: string;
  /** Grows while the image is walked; every blob of it shares it. */
  readonly sources: Source[];
}
