import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import type { Duplex, Writable } from 'node:stream';
import { dataLoss, drained, errorText, resourceExhausted } from '@gantry/rpc';
import { type Compression, decompressor, detectCompression, MAGIC_SIZE } from './decompress';
import type { Ingest } from '../content/ingest';
import type { Extraction, Following, Laid, NativeTree } from './native';

/** A layer that unpacks to more than this times its size is a bomb, once it is larger than the floor. gzip cannot exceed 1032. */
const RATIO_LIMIT = 5000;
const RATIO_FLOOR = 256 << 20;

export interface Sunk {
  readonly compression: Compression;
  /** Digest of the uncompressed tar; empty when the layer is not compressed: it is the blob's own digest. */
  readonly diffId: string;
  readonly laid: Laid | undefined;
}

/** Where a layer is laid out. */
export interface SinkTarget {
  readonly native: NativeTree;
  /** Root of the tree; whiteouts become overlayfs' own. */
  readonly root: string;
  /** The upload that the same bytes go to: the program then reads its file, and decompresses gzip, instead of being sent the bytes a second time. */
  readonly ingest?: Ingest;
}

/** Compressed bytes that are worth waking a thread for: a network read's few KiB are not. */
const GATHER = 512 << 10;

/** Bytes between two words to a reader of the growing file. */
const STEP = 1 << 20;

/**
 * Takes a layer's bytes as they come, decompresses, takes the digest of the tar and feeds the extraction: one pass. `end` or `fail` must be
 * called.
 */
export class LayerSink {
  private head: Buffer = Buffer.alloc(0);
  private compression: Compression | undefined;
  private inflater: ReturnType<typeof decompressor> | undefined;
  private pumping: Promise<void> | undefined;
  private failure: Error | undefined;
  private readonly hash = createHash('sha256');
  /** Compressed bytes that wait to be enough. */
  private gathered: Buffer[] = [];
  private gatheredSize = 0;
  private taken = 0;
  private given = 0;

  private extraction: Extraction | undefined;
  private following: Following | undefined;
  private told = 0;

  constructor(private readonly target: SinkTarget | undefined) {}

  async write(chunk: Buffer): Promise<void> {
    this.taken += chunk.length;
    if (this.compression === undefined) {
      this.head = Buffer.concat([this.head, chunk]); // a chunk may be lent
      if (this.head.length < MAGIC_SIZE) return;
      await this.start();
      return;
    }
    await this.forward(chunk);
  }

  async end(): Promise<Sunk> {
    if (this.compression === undefined) await this.start();
    if (this.inflater !== undefined) {
      await this.inflate(this.inflater);
      this.inflater.end();
      await this.pumping;
      this.rethrow();
    }
    const { ingest } = this.target ?? {};
    if (this.following !== undefined && ingest !== undefined) {
      await ingest.drain();
      ingest.watch(undefined);
      this.following.advance(ingest.offset);
      this.following.end();
    }
    this.extraction?.input.end();
    const laid = await (this.following?.done ?? this.extraction?.done);
    const compression = this.compression ?? 'none';
    return { compression, diffId: compression === 'none' ? '' : (laid?.digest ?? `sha256:${this.hash.digest('hex')}`), laid };
  }

  /** Ends everything at once; the extraction is gone when it resolves. */
  async fail(): Promise<void> {
    this.inflater?.destroy();
    this.extraction?.kill();
    this.following?.kill();
    await this.pumping?.catch(() => undefined);
    await this.extraction?.done.catch(() => undefined);
    await this.following?.done.catch(() => undefined);
  }

  private rethrow(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async start(): Promise<void> {
    this.compression = detectCompression(this.head);
    this.lay(this.compression);
    if (this.compression !== 'none' && this.following === undefined) {
      this.inflater = decompressor(this.compression);
      this.pumping = this.pump(this.inflater);
    }
    const first = this.head;
    this.head = Buffer.alloc(0);
    if (first.length > 0) await this.forward(first);
  }

  private lay(compression: Compression): void {
    const { native, root, ingest } = this.target ?? {};
    if (native === undefined || root === undefined) return;
    if (compression === 'zstd' || ingest === undefined) {
      this.extraction = native.extract(root, true);
      return;
    }
    const file = openSync(ingest.path, 'r');
    try {
      const following = native.follow(root, true, file, compression === 'gzip');
      this.following = following;
      following.done.catch((error: unknown) => (this.failure ??= error as Error));
      ingest.watch((bytes) => {
        if (bytes - this.told < STEP) return;
        this.told = bytes;
        following.advance(bytes);
      });
    } finally {
      closeSync(file);
    }
  }

  private async forward(chunk: Buffer): Promise<void> {
    if (this.inflater === undefined) {
      await this.give(chunk);
      return;
    }
    this.rethrow();
    this.gathered.push(Buffer.from(chunk));
    this.gatheredSize += chunk.length;
    if (this.gatheredSize >= GATHER) await this.inflate(this.inflater);
  }

  /** Hands what was gathered to the decompressor. */
  private async inflate(inflater: Duplex): Promise<void> {
    const [first, ...more] = this.gathered;
    this.gathered = [];
    this.gatheredSize = 0;
    if (first === undefined) return;
    if (!inflater.write(more.length === 0 ? first : Buffer.concat([first, ...more]))) await drained(inflater).catch(() => undefined);
    this.rethrow();
  }

  /** Never rejects: the failure is thrown by the next write or by end. */
  private async pump(source: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const part of source) {
        this.hash.update(part);
        this.given += part.length;
        if (this.given > RATIO_FLOOR && this.given > this.taken * RATIO_LIMIT)
          throw resourceExhausted(`layer unpacks to more than ${RATIO_LIMIT} times its size`);
        await this.give(part);
      }
    } catch (error) {
      const code = (error as { code?: string }).code;
      this.failure =
        typeof code === 'string' && code.startsWith('Z_')
          ? dataLoss(`broken compressed layer: ${errorText(error)}`, { cause: error })
          : (error as Error);
      this.inflater?.destroy();
    }
  }

  private async give(part: Buffer): Promise<void> {
    this.rethrow();
    if (this.extraction === undefined) return;
    const { input, done } = this.extraction;
    await writeTo(input, part, done);
  }
}

/** Writes with back-pressure; when the reader is gone, says why it went. */
async function writeTo(stream: Writable, part: Buffer, reader: Promise<unknown>): Promise<void> {
  if (!stream.destroyed && stream.write(part)) return;
  await drained(stream).catch(() => undefined);
  if (stream.destroyed) await reader;
}
