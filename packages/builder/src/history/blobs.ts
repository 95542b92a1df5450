import { FLUSH_LABEL, FLUSH_LATER } from '@gantry/api';
import type { Descriptor } from '@gantry/api/moby/buildkit/v1/control';
import { isIndex, sha256 } from '@gantry/oci';
import { after, type CallContext, derive, isErrorOf, type Logger, newContext, type Timer } from '@gantry/rpc';
import { readBlob, readWhole, writeDocument } from '../worker/blobs';
import { insist } from '../worker/insist';
import type { Services } from '../worker/services';

/** Holds all blobs of all records. */
const LEASE = 'gantry-build-history';
const INDEX_LIMIT = 8 << 20;

/** How long a blob waits in memory: its build's client has its answer then, and has looked into the record. */
const WRITE_MS = 100;

/** Blobs of records, in the content store under a lease of their own. Each can be read at once, and is written a little later. */
export class HistoryBlobs {
  private leased: Promise<void> | undefined;
  private readonly unwritten = new Map<string, Buffer>();
  private timer: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly services: Pick<Services, 'content' | 'leases' | 'inStore'>,
    private readonly logger: Logger,
  ) {}

  add(bytes: Buffer, mediaType: string): Descriptor {
    const digest = sha256(bytes);
    this.unwritten.set(digest, bytes);
    this.timer ??= after(WRITE_MS, () => void this.settled());
    return { mediaType, digest, size: BigInt(bytes.length), annotations: {} };
  }

  /** A blob that is not in the content store yet. */
  inMemory(digest: string): Buffer | undefined {
    return this.unwritten.get(digest);
  }

  async *read(ctx: CallContext, digest: string): AsyncGenerator<Buffer> {
    const bytes = this.inMemory(digest);
    if (bytes === undefined) yield* readBlob(this.services, ctx, digest);
    else yield bytes;
  }

  /** What was added is written. One that cannot be is lost, and at the next start its record with it. */
  settled(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    this.writing = this.writing.then(async () => {
      for (const [digest, bytes] of this.unwritten)
        await this.write(digest, bytes).catch((error: unknown) =>
          this.logger.warn({ err: error, digest }, "a blob of a build's record could not be written"),
        );
    });
    return this.writing;
  }

  /** The descriptor that an exporter told of (`containerimage.descriptor`), held as long as its record is. */
  async result(ctx: CallContext, response: ReadonlyMap<string, string>): Promise<Descriptor | undefined> {
    const told = response.get('containerimage.descriptor');
    if (told === undefined) return undefined;
    const {
      mediaType,
      digest,
      size,
      annotations = {},
    } = JSON.parse(Buffer.from(told, 'base64').toString()) as {
      mediaType: string;
      digest: string;
      size: number;
      annotations?: Record<string, string>;
    };
    try {
      await this.hold(await this.leasedContext(ctx), digest);
    } catch (error) {
      if (isErrorOf(error, 'notFound')) return undefined;
      throw error;
    }
    return { mediaType, digest, size: BigInt(size), annotations };
  }

  /** Manifests of an index, which it holds; none for another blob. */
  async manifests(ctx: CallContext, { mediaType, digest }: Descriptor): Promise<readonly string[]> {
    if (!isIndex(mediaType)) return [];
    const bytes = await readWhole(this.services, ctx, digest, INDEX_LIMIT);
    const { manifests } = JSON.parse(bytes.toString()) as { readonly manifests: readonly { readonly digest: string }[] };
    return manifests.map((manifest) => manifest.digest);
  }

  /** Lets go of blobs that no record has any more. */
  async drop(ctx: CallContext, digests: readonly string[]): Promise<void> {
    for (const digest of digests) {
      this.unwritten.delete(digest);
      await this.release(ctx, digest);
    }
  }

  /** Every blob that is held. */
  async held(ctx: CallContext): Promise<ReadonlySet<string>> {
    const { resources } = await this.services.leases.listResources(await this.leasedContext(ctx), { id: LEASE });
    return new Set(resources.flatMap(({ id, type }) => (type === 'content' ? [id] : [])));
  }

  private async write(digest: string, bytes: Buffer): Promise<void> {
    const ctx = newContext({ logger: this.logger });
    try {
      const leased = await this.leasedContext(ctx);
      await writeDocument(this.services, leased, { digest, size: bytes.length }, bytes);
      await this.hold(leased, digest);
      if (!this.unwritten.has(digest)) await this.release(ctx, digest); // dropped meanwhile
    } finally {
      if (this.unwritten.get(digest) === bytes) this.unwritten.delete(digest);
    }
  }

  private async hold(ctx: CallContext, digest: string): Promise<void> {
    await insist(() => this.services.leases.addResource(ctx, { id: LEASE, resource: { id: digest, type: 'content' } }));
  }

  private async release(ctx: CallContext, digest: string): Promise<void> {
    try {
      const resource = { id: digest, type: 'content' };
      await insist(() => this.services.leases.deleteResource(this.services.inStore(ctx), { id: LEASE, resource }));
    } catch (error) {
      if (!isErrorOf(error, 'notFound')) throw error;
    }
  }

  private async leasedContext(ctx: CallContext): Promise<CallContext> {
    this.leased ??= this.makeLease(ctx);
    try {
      await this.leased;
    } catch (error) {
      this.leased = undefined;
      throw error;
    }
    return derive(this.services.inStore(ctx), { lease: LEASE });
  }

  private async makeLease(ctx: CallContext): Promise<void> {
    try {
      await insist(() => this.services.leases.create(this.services.inStore(ctx), { id: LEASE, labels: { [FLUSH_LABEL]: FLUSH_LATER } }));
    } catch (error) {
      if (!isErrorOf(error, 'alreadyExists')) throw error;
    }
  }
}
