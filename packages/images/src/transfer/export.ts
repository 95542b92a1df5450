import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type Descriptor, familiarString, type Platform, platformEquals, tryReference } from '@gantry/oci';
import { cancelled, drained, notFound } from '@gantry/rpc';
import { TAR_END, tarHeader, tarPadding } from '../archive/tar-writer';
import type { ContentStore } from '../content/store';
import type { ImageRecord } from '../store/images';
import type { Scope } from '../store/namespaced';
import { isDocument, isImage, type Node, parseNode } from './graph';

export interface ExportOptions {
  /** None: all that is here. */
  readonly platforms: readonly Platform[];
  /** Leave docker's manifest.json out. */
  readonly skipCompatibility: boolean;
  /** Leave layers out that may not be distributed. */
  readonly skipNonDistributable: boolean;
}

const FOREIGN = /nondistributable|\.foreign\./;

/** Writes records as an OCI layout (with docker's manifest.json for the images in it): what is here, exactly as it is stored. */
export async function exportImages(
  content: ContentStore,
  scope: Scope,
  records: readonly ImageRecord[],
  to: { readonly out: Writable; readonly options: ExportOptions },
): Promise<void> {
  const writer = new LayoutWriter(content, scope, to.out, to.options);
  const index: Descriptor[] = [];
  for (const { name, target } of records) {
    const descriptor = { mediaType: target.mediaType, digest: target.digest, size: target.size } as Descriptor;
    const tag = tryReference(name)?.tag;
    index.push({
      ...descriptor,
      annotations: {
        ...target.annotations,
        'io.containerd.image.name': name,
        ...(tag === undefined ? {} : { 'org.opencontainers.image.ref.name': tag }),
      },
    });
    await writer.document(descriptor, name);
  }
  await writer.finish(index);
}

class LayoutWriter {
  private readonly written = new Set<string>();
  private readonly docker = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();

  constructor(
    private readonly content: ContentStore,
    private readonly scope: Scope,
    private readonly out: Writable,
    private readonly options: ExportOptions,
  ) {}

  async document(descriptor: Descriptor, name: string): Promise<void> {
    if (!this.content.has(this.scope, descriptor.digest)) throw notFound(`content ${descriptor.digest} of image "${name}": not found`);
    const node = parseNode(descriptor, await this.content.readAll(this.scope, descriptor.digest));
    let suiting = 0;
    for (const child of node.index?.manifests ?? []) {
      if (!this.chosen(child.platform) || !this.content.has(this.scope, child.digest)) continue;
      suiting++;
      if (isDocument(child)) await this.document(child, name);
      else await this.blob(child.digest);
    }
    if (node.index !== undefined && suiting === 0 && node.index.manifests.length > 0)
      throw notFound(`image "${name}" has nothing here for the platforms asked for`);
    await this.parts(node, name);
    await this.blob(descriptor.digest);
  }

  async finish(manifests: readonly Descriptor[]): Promise<void> {
    await this.file('index.json', { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests });
    await this.file('oci-layout', { imageLayoutVersion: '1.0.0' });
    if (!this.options.skipCompatibility && this.docker.size > 0) await this.file('manifest.json', [...this.docker.values()]);
    await this.write(TAR_END);
    this.out.end();
    await once(this.out, 'finish');
  }

  private async parts({ manifest }: Node, name: string): Promise<void> {
    if (manifest === undefined) return;
    const { config, layers } = manifest;
    const kept = layers.filter(({ mediaType }) => !this.options.skipNonDistributable || !FOREIGN.test(mediaType));
    // Layers of other platforms may not be here: their manifests are kept all the same.
    for (const { digest } of [...kept, config]) if (this.content.has(this.scope, digest)) await this.blob(digest);
    if (!isImage(manifest) || !layers.every(({ digest }) => this.content.has(this.scope, digest))) return;
    const reference = tryReference(name);
    const entry = this.docker.get(config.digest) ?? {
      Config: path(config.digest),
      RepoTags: [],
      Layers: layers.map(({ digest }) => path(digest)),
    };
    if (reference?.tag !== undefined) entry.RepoTags.push(familiarString(reference));
    this.docker.set(config.digest, entry);
  }

  private chosen(platform: Platform | undefined): boolean {
    return (
      this.options.platforms.length === 0 || platform === undefined || this.options.platforms.some((each) => platformEquals(each, platform))
    );
  }

  private async blob(digest: string): Promise<void> {
    if (this.written.has(digest)) return;
    this.written.add(digest);
    const { size } = this.content.info(this.scope, digest);
    await this.write(tarHeader(path(digest), size));
    for await (const part of this.content.read(this.scope, digest)) await this.write(part);
    await this.write(tarPadding(size));
  }

  private async file(name: string, value: unknown): Promise<void> {
    const data = Buffer.from(JSON.stringify(value));
    await this.write(tarHeader(name, data.length));
    await this.write(data);
    await this.write(tarPadding(data.length));
  }

  private async write(data: Buffer): Promise<void> {
    if (data.length === 0 || this.out.write(data)) return;
    await drained(this.out);
    if (this.out.destroyed) throw cancelled('the reader of the archive went away', { cause: this.out.errored });
  }
}

const path = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
