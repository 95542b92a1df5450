import { type Index, isIndex, isManifest, type Manifest } from '@gantry/oci';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { readBlob } from '../../worker/content';
import type { Services } from '../../worker/services';
import type { RecordTable } from '../records/table';

/** An image's document is no larger than this; what is, is not looked into. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Which layers images hold. Documents never change: each is read once. */
export class ImageLayers {
  private readonly read = new Map<string, readonly string[]>();

  constructor(private readonly services: Pick<Services, 'images' | 'content' | 'inStore'>) {}

  /** Records whose layer an image has, and what they stand on. */
  async shared(ctx: CallContext, records: RecordTable): Promise<ReadonlySet<string>> {
    const layers = await this.all(ctx);
    const shared = new Set<string>();
    const mark = (id: string): void => {
      const record = records.get(id);
      if (record === undefined || shared.has(id)) return;
      shared.add(id);
      record.parents.forEach(mark);
    };
    for (const { id, blob } of records.all()) if (blob !== undefined && layers.has(blob.digest)) mark(id);
    for (const { record, blob } of records.blobs()) if (layers.has(blob.digest)) mark(record);
    return shared;
  }

  private async all(ctx: CallContext): Promise<ReadonlySet<string>> {
    const own = this.services.inStore(ctx);
    const { images } = await this.services.images.list(own, { filters: [] });
    const found = new Set<string>();
    for (const { target } of images) if (target !== undefined) for (const layer of await this.layersOf(own, target)) found.add(layer);
    return found;
  }

  private async layersOf(
    ctx: CallContext,
    { mediaType, digest }: { readonly mediaType: string; readonly digest: string },
  ): Promise<readonly string[]> {
    const known = this.read.get(digest);
    if (known !== undefined) return known;
    if (!isIndex(mediaType) && !isManifest(mediaType)) return [];
    const document = await this.document(ctx, digest);
    if (document === undefined) return []; // of a platform that was not fetched
    const below = [...(document.manifests ?? [])];
    const layers = [...(document.layers ?? []).map((layer) => layer.digest as string)];
    for (const each of below) layers.push(...(await this.layersOf(ctx, each)));
    this.read.set(digest, layers);
    return layers;
  }

  private async document(ctx: CallContext, digest: string): Promise<Partial<Manifest & Index> | undefined> {
    const parts: Buffer[] = [];
    try {
      let size = 0;
      for await (const part of readBlob(this.services.content, ctx, digest)) {
        parts.push(part);
        if ((size += part.length) > MOST_BYTES) return undefined;
      }
      return JSON.parse(Buffer.concat(parts).toString()) as Partial<Manifest & Index>;
    } catch (error) {
      if (isErrorOf(error, 'notFound') || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}
