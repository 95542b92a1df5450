import { createReadStream } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dataLoss, type Logger } from '@gantry/rpc';
import type { Ingest } from '../content/ingest';
import { type ContentStore, isExisting } from '../content/store';
import { UNCOUNTED } from '../snapshots/recorded';
import type { OverlaySnapshotter } from '../snapshots/overlay';
import { Kind } from '../snapshots/records';
import type { Scope } from '../store/namespaced';
import type { Laid, NativeTree } from './native';
import { LayerSink } from './sink';
import { layStored } from './stored';

/** Label on a layer blob: the digest of its tar. containerd's name. */
export const UNCOMPRESSED_LABEL = 'containerd.io/uncompressed';

/** A layer laid out in a snapshot that has no parent and no name yet. */
export interface LooseLayer {
  readonly key: string;
  readonly laid: Laid;
}

export interface TakenLayer {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
  readonly compression: string;
  /** Absent when it was not to be unpacked. */
  readonly loose: LooseLayer | undefined;
}

export interface TakeOptions {
  readonly ref: string;
  readonly size?: number;
  readonly expected?: string;
  readonly unpack: boolean;
  /** Bytes from the offset on: an upload that was broken off is resumed. */
  readonly open: (offset: number) => Promise<AsyncIterable<Buffer>> | AsyncIterable<Buffer>;
  /** What open gives is lent: a part is used up before the next one is asked for. */
  readonly lent?: boolean;
  /** What open gives is nobody else's: its memory is freed once it is written. */
  readonly given?: boolean;
  readonly onBytes?: (total: number) => void;
  readonly signal?: AbortSignal;
  /** Keep the bytes of a failed upload for a later resume. */
  readonly resumable?: boolean;
}

/** Takes layers in: blob, digest of the tar and laid-out tree in one pass over the bytes. */
export class LayerIntake {
  constructor(
    private readonly content: ContentStore,
    private readonly snapshotter: OverlaySnapshotter,
    private readonly native: NativeTree,
    private readonly logger: Logger,
  ) {}

  /** Stores a blob from a stream, unpacking it on the way when asked. */
  async take(scope: Scope, options: TakeOptions): Promise<TakenLayer> {
    let ingest: Ingest;
    try {
      ingest = await this.content.ingest(scope, options.ref, options.size ?? 0, options.expected ?? '');
    } catch (error) {
      if (options.expected === undefined || !isExisting(error)) throw error;
      return this.known(scope, options.expected, options);
    }
    const target = options.unpack ? this.loose(scope) : undefined;
    const sink = new LayerSink(target && { native: this.native, root: target.root, ingest });
    try {
      await this.pass(ingest, sink, scope, options);
      const digest = ingest.digest();
      const sunk = await sink.end();
      const diffId = sunk.compression === 'none' ? digest : sunk.diffId;
      const { size } = await this.commit(scope, ingest, options, digest, diffId);
      return { digest, size, diffId, compression: sunk.compression, loose: target && sunk.laid && { key: target.key, laid: sunk.laid } };
    } catch (error) {
      await sink.fail();
      if (options.resumable === true && !isBroken(error)) await ingest.release();
      else await ingest.discard();
      if (target !== undefined) await this.drop(scope, target.key);
      throw error;
    }
  }

  /** A blob that is here after all: another namespace had it, or another call was quicker. */
  private async known(scope: Scope, digest: string, { unpack, signal }: TakeOptions): Promise<TakenLayer> {
    const { size, labels } = this.content.info(scope, digest);
    if (!unpack) return { digest, size, diffId: labels[UNCOMPRESSED_LABEL] ?? '', compression: '', loose: undefined };
    const { diffId, loose } = await this.unpack(scope, digest, signal);
    this.content.setLabels(scope, digest, { [UNCOMPRESSED_LABEL]: diffId });
    return { digest, size, diffId, compression: '', loose };
  }

  /** Lays a stored blob out. */
  async unpack(scope: Scope, digest: string, signal?: AbortSignal): Promise<{ readonly diffId: string; readonly loose: LooseLayer }> {
    const target = this.loose(scope);
    try {
      const { diffId, laid } = await layStored(this.content, this.native, scope, { digest, root: target.root, signal });
      return { diffId, loose: { key: target.key, laid } };
    } catch (error) {
      await this.drop(scope, target.key);
      throw error;
    }
  }

  /** Makes a loose layer the snapshot chainId on top of parent. When another was quicker, the loose one goes. */
  async settle(scope: Scope, loose: LooseLayer, chainId: string, parent: string): Promise<void> {
    try {
      const record = this.snapshotter.stat(scope, loose.key);
      if (parent !== '' && loose.laid.implicit.length > 0) {
        const below = this.snapshotter.lowerDirectories(this.snapshotter.stat(scope, parent));
        await this.native.adopt(this.snapshotter.directory(record), loose.laid.implicit, below);
      }
      await this.snapshotter.commit(scope, chainId, loose.key, {
        labels: {},
        parent,
        usage: { size: loose.laid.bytes, inodes: UNCOUNTED },
      });
    } catch (error) {
      await this.drop(scope, loose.key);
      if (!isExisting(error)) throw error;
    }
  }

  async drop(scope: Scope, key: string): Promise<void> {
    if (this.snapshotter.find(scope, key) === undefined) return;
    await this.snapshotter.remove(scope, key).catch((error: unknown) => this.logger.warn({ key, err: error }, 'loose layer not removed'));
  }

  private loose(scope: Scope): { readonly key: string; readonly root: string } {
    const key = `gantry-extract-${randomBytes(8).toString('hex')}`;
    const record = this.snapshotter.create(scope, key, '', Kind.active, {});
    return { key, root: this.snapshotter.directory(record) };
  }

  private async pass(ingest: Ingest, sink: LayerSink, scope: Scope, options: TakeOptions): Promise<void> {
    const had = ingest.offset;
    if (had > 0) {
      for await (const part of createReadStream(ingest.path, { end: had - 1, highWaterMark: 1 << 20 })) await sink.write(part as Buffer);
      options.onBytes?.(had);
    }
    if (options.size !== undefined && options.size > 0 && had >= options.size) return;
    for await (const part of await options.open(had)) {
      options.signal?.throwIfAborted();
      if (options.size !== undefined && ingest.offset + part.length > options.size)
        throw dataLoss(`blob ${options.expected ?? options.ref} is longer than its ${options.size} bytes`);
      await sink.write(part); // copies what it keeps
      await ingest.write(part, { given: options.given === true });
      if (options.lent === true) await ingest.drain();
      options.onBytes?.(ingest.offset);
    }
  }

  private async commit(scope: Scope, ingest: Ingest, options: TakeOptions, digest: string, diffId: string): Promise<{ size: number }> {
    const size = ingest.offset;
    if (options.size !== undefined && size !== options.size)
      throw dataLoss(`blob ${digest} has ${size} bytes, ${options.size} were promised`);
    if (options.expected !== undefined && options.expected !== digest)
      throw dataLoss(`blob has the digest ${digest}, ${options.expected} was promised`);
    try {
      await ingest.commit(size, digest, { [UNCOMPRESSED_LABEL]: diffId });
    } catch (error) {
      if (!isExisting(error)) throw error;
      this.content.setLabels(scope, digest, { [UNCOMPRESSED_LABEL]: diffId });
      this.content.hold(scope, digest);
    }
    return { size };
  }
}

/** Bytes that are wrong stay wrong: they are not worth resuming. */
function isBroken(error: unknown): boolean {
  return ['dataLoss', 'invalidArgument', 'resourceExhausted'].includes((error as { kind?: string }).kind ?? '');
}
