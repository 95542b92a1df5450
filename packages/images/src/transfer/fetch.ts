import { type Descriptor, type Digest, type Manifest, type Platform, platformEquals, type Reference } from '@gantry/oci';
import { dataLoss, resourceExhausted } from '@gantry/rpc';
import { documentType, type FetchedManifest, kindOf, MANIFEST_LIMIT, type Reader, sourceLabels } from '@gantry/registry';
import { type ContentStore, isExisting } from '../content/store';
import { Limit } from '../layers/limit';
import { SharedWork } from '../layers/shared-work';
import type { Puller } from '../registry/pull';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import { isDocument, isImage, keepNode, type Node, parseNode, referrerLabel, wanted } from './graph';
import { objectName, type Told, toldOf } from './progress';

export interface FetchOptions {
  readonly reference: Reference;
  /** Name under which the whole is told: the root of the tree that clients draw. Empty: there is none. */
  readonly root?: string;
  /** None: all. */
  readonly platforms: readonly Platform[];
  /** Manifests and configurations of the other platforms, too. */
  readonly allMetadata: boolean;
  /** Manifests of an index at most; 0: no limit. */
  readonly manifestLimit: number;
  /** Platforms whose layers become snapshots on the way. */
  readonly unpack: readonly Platform[];
  /** What refers to the manifests comes along. */
  readonly referrers: boolean;
  /** Manifests and configurations alone. */
  readonly metadataOnly?: boolean;
  readonly signal: AbortSignal;
  readonly tell: (told: Told) => void;
}

/** An honest graph is an index of indexes at most. */
const DEPTH = 4;
const ENTRIES = 1000;

/** Fetches everything behind a manifest into content as it is: images for any platform, indexes, artifacts. */
export class GraphFetcher {
  private readonly downloads = new SharedWork<void>();
  private readonly limit: Limit;

  constructor(private readonly deps: { readonly content: ContentStore; readonly puller: Puller; readonly parallel: number }) {
    this.limit = new Limit(deps.parallel);
  }

  /** So many layers at once from now on. */
  allow(parallel: number): void {
    this.limit.resize(parallel);
  }

  /** The descriptor of what the reference named. Run it under a lease. */
  async fetch(scope: Scope, reader: Reader, top: FetchedManifest, options: FetchOptions): Promise<Descriptor> {
    const descriptor: Descriptor = {
      mediaType: documentType(top.bytes, top.mediaType, kindOf(top.bytes, top.mediaType, top.digest)),
      digest: top.digest as Digest,
      size: top.bytes.length,
    };
    const { root = '', metadataOnly = false, tell } = options;
    if (root !== '') tell({ event: 'fetching image content', name: root, descriptor });
    const parents = root === '' ? [] : [root];
    await this.node(scope, reader, parseNode(descriptor, top.bytes), { options, depth: 0, metadataOnly, parents });
    return descriptor;
  }

  private async node(
    scope: Scope,
    reader: Reader,
    node: Node,
    at: {
      readonly options: FetchOptions;
      readonly depth: number;
      readonly metadataOnly: boolean;
      readonly parents: readonly string[];
      readonly platform?: Platform | undefined;
    },
  ): Promise<void> {
    const { options, depth, parents } = at;
    const { content } = this.deps;
    const { descriptor, index, manifest } = node;
    if (depth > DEPTH) throw dataLoss(`index ${descriptor.digest} lies more than ${DEPTH} indexes deep`);
    const name = objectName(descriptor);
    options.tell(toldOf(descriptor, 'waiting', parents, 0));
    if (index !== undefined) {
      if (index.manifests.length > ENTRIES)
        throw resourceExhausted(`index ${descriptor.digest} has ${index.manifests.length} entries, more than ${ENTRIES}`);
      const chosen = new Set(wanted(index, options.platforms, options.manifestLimit));
      for (const child of index.manifests) {
        const metadataOnly = at.metadataOnly || !chosen.has(child);
        if (metadataOnly && !options.allMetadata && !at.metadataOnly) continue;
        await this.child(scope, reader, child, { ...at, depth: depth + 1, metadataOnly, parents: [name], platform: child.platform });
      }
    }
    if (manifest !== undefined) await this.parts(scope, reader, { descriptor, manifest, bytes: node.bytes }, { ...at, parents: [name] });
    const referrers = options.referrers && !at.metadataOnly ? await this.referrers(scope, reader, node, at) : [];
    await keepNode(content, scope, node, {
      ...this.source(scope, node.descriptor.digest, options.reference),
      ...Object.fromEntries(referrers.map((digest) => [referrerLabel(digest), digest])),
    });
    options.tell(toldOf(descriptor, 'complete', parents));
  }

  private async child(scope: Scope, reader: Reader, descriptor: Descriptor, at: Parameters<GraphFetcher['node']>[3]): Promise<void> {
    if (!isDocument(descriptor)) {
      if (!at.metadataOnly) await this.blob(scope, reader, descriptor, at);
      return;
    }
    const { bytes } = this.deps.content.has(scope, descriptor.digest)
      ? { bytes: await this.deps.content.readAll(scope, descriptor.digest) }
      : await reader.manifest(descriptor.digest, at.options.signal);
    if (bytes.length !== descriptor.size)
      throw dataLoss(`manifest ${descriptor.digest} has ${bytes.length} bytes, ${descriptor.size} were promised`);
    await this.node(scope, reader, parseNode(descriptor, bytes), at);
  }

  /** Configuration and layers: as an image that is unpacked on the way, or as they are. */
  private async parts(
    scope: Scope,
    reader: Reader,
    document: { readonly descriptor: Descriptor; readonly manifest: Manifest; readonly bytes: Buffer },
    at: Parameters<GraphFetcher['node']>[3],
  ): Promise<void> {
    const { options } = at;
    const { manifest, bytes } = document;
    if (at.metadataOnly) {
      await this.blob(scope, reader, manifest.config, at);
      return;
    }
    const { platform } = at;
    if (isImage(manifest) && options.unpack.some((each) => platform === undefined || platformEquals(each, platform))) {
      options.tell(toldOf(manifest.config, 'waiting', at.parents, 0));
      await this.deps.puller.image(scope, reader, bytes, {
        reference: options.reference,
        signal: options.signal,
        report: ({ layer, status, current }) => {
          if (layer === undefined) return;
          const { event, done } = eventOf(status);
          options.tell(toldOf(layer, event, at.parents, current ?? (done ? layer.size : 0)));
        },
      });
      options.tell(toldOf(manifest.config, 'complete', at.parents));
      return;
    }
    await Promise.all([manifest.config, ...manifest.layers].map((part) => this.blob(scope, reader, part, at)));
  }

  /** One blob, once, however many transfers want it at a time; a broken one goes on where it broke, also in another transfer. */
  private async blob(
    scope: Scope,
    reader: Reader,
    descriptor: Descriptor,
    at: Pick<Parameters<GraphFetcher['node']>[3], 'options' | 'parents'>,
  ): Promise<void> {
    const { content } = this.deps;
    const { options, parents } = at;
    const { digest } = descriptor;
    if (content.has(scope, digest)) {
      content.hold(scope, digest);
      options.tell(toldOf(descriptor, 'already exists', parents));
      return;
    }
    options.tell(toldOf(descriptor, 'waiting', parents, 0));
    await this.downloads.run(`${scope.namespace} ${digest}`, options.signal, (signal) =>
      this.limit.run(() =>
        this.download(scope, reader, descriptor, {
          signal,
          tell: (progress) => options.tell(toldOf(descriptor, 'downloading', parents, progress)),
        }),
      ),
    );
    content.hold(scope, digest);
    content.setLabels(scope, digest, this.source(scope, digest, options.reference));
    options.tell(toldOf(descriptor, 'complete', parents));
  }

  private async download(
    scope: Scope,
    reader: Reader,
    { digest, size }: Descriptor,
    { signal, tell }: { readonly signal: AbortSignal; readonly tell: (progress: number) => void },
  ): Promise<void> {
    const { content } = this.deps;
    try {
      const ingest = await content.ingest(scope, `blob-${digest}`, size, digest);
      try {
        if (ingest.offset > size) await ingest.truncate(0);
        if (ingest.offset < size || size === 0) {
          for await (const part of reader.blob(digest, size, ingest.offset, signal)) {
            signal.throwIfAborted();
            if (ingest.offset + part.length > size) throw dataLoss(`blob ${digest} is longer than its ${size} bytes`);
            await ingest.write(part);
            tell(ingest.offset);
          }
        }
        if (ingest.digest() !== digest) throw dataLoss(`blob has the digest ${ingest.digest()}, ${digest} was promised`);
        await ingest.commit(size, digest, {});
      } catch (error) {
        if ((error as { kind?: string }).kind === 'dataLoss') await ingest.discard();
        else await ingest.release();
        throw error;
      }
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
  }

  private async referrers(scope: Scope, reader: Reader, node: Node, at: Parameters<GraphFetcher['node']>[3]): Promise<string[]> {
    const found = await reader.referrers(node.descriptor.digest, '', at.options.signal);
    if (found.length > ENTRIES) throw resourceExhausted(`${node.descriptor.digest} has ${found.length} referrers, more than ${ENTRIES}`);
    for (const referrer of found) {
      if (referrer.size > MANIFEST_LIMIT)
        throw resourceExhausted(`referrer ${referrer.digest} has ${referrer.size} bytes, more than ${MANIFEST_LIMIT}`);
      await this.child(scope, reader, referrer, {
        ...at,
        depth: at.depth + 1,
        platform: { os: 'unknown', architecture: 'unknown' },
        parents: [objectName(node.descriptor)],
      });
    }
    return found.map(({ digest }) => digest);
  }

  private source(scope: Scope, digest: string, reference: Reference): Labels {
    return sourceLabels(reference, this.deps.content.table.find(scope, digest)?.labels);
  }
}

/** Docker's words for a layer in containerd's; done: all of its bytes are here. */
function eventOf(status: string): { readonly event: string; readonly done: boolean } {
  const words: Record<string, string> = {
    'Pulling fs layer': 'waiting',
    Downloading: 'downloading',
    'Verifying Checksum': 'downloading',
    'Download complete': 'complete',
    Extracting: 'extracting',
    'Pull complete': 'extracted',
    'Already exists': 'already exists',
  };
  const event = words[status] ?? status.toLowerCase();
  return { event, done: event !== 'waiting' && event !== 'downloading' };
}
