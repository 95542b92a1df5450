import { RECORD, type RecordParts, recordParts } from '../../fsutil/record';
import type { Transfer, Transfers } from '../../session/transfers';
import type { Outbox } from './outbox';
import { requestPacket } from './packet';
import { fileStat } from './stat';
import { BATCH, recordOf } from './tree-writer';
import type { Contents, Expected, Hooks, Tree } from './tree';
import type { FileStat } from './stat';

export interface FarTreeOptions extends Hooks {
  readonly transfers: Transfers;
  readonly stream: number;
  readonly root: string;
  readonly out: Outbox<Buffer>;
  readonly received: (bytes: number) => void;
}

/**
 * A tree, and the contents for it, behind the program that holds the client's connection: what is to be made is told to it, contents never come here, and digests
 * come back. The client is asked only for what the program was told to expect.
 */
export class FarTree implements Tree, Contents {
  readonly way = 'far';
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly digests = new Map<number, (digest: Buffer) => void>();
  private readonly transfer: Transfer;
  private readonly over = Promise.withResolvers<void>();
  private asks: number[] = [];

  constructor(private readonly options: FarTreeOptions) {
    this.over.promise.catch(() => undefined); // whoever waits for the end sees it
    this.transfer = options.transfers.begin(options.stream, options.root, {
      digest: (file, digest) => this.arrived(file, digest),
      came: options.received,
      done: () => this.over.resolve(),
      failed: (error) => {
        this.over.reject(error);
        options.failed(error);
      },
    });
  }

  get outstanding(): number {
    return this.digests.size;
  }

  get full(): boolean {
    return this.bytes >= BATCH;
  }

  expect(id: number, { raw, done }: Expected): void {
    this.digests.set(id, done);
    this.record(RECORD.expect, { ...recordOf(fileStat(raw)), slot: id });
    this.asks.push(id);
    if (this.asks.length === 1) setImmediate(() => void this.ask());
  }

  /** Content in a message that the program did not know for content: its fields are in no order that anybody writes. */
  take(id: number, data: Buffer): Promise<void> | undefined {
    this.record(RECORD.data, { slot: id, data: [data] });
    return data.length === 0 ? this.room() : undefined;
  }

  put(stat: FileStat): void {
    this.record(RECORD[stat.kind], recordOf(stat));
  }

  remove(path: string): void {
    this.record(RECORD.remove, { path: Buffer.from(path, 'latin1') });
  }

  times({ path, modTime }: FileStat): void {
    this.record(RECORD.times, { path, modTime });
  }

  async room(): Promise<void> {
    const bytes = Buffer.concat(this.parts, this.bytes);
    this.parts = [];
    this.bytes = 0;
    await this.transfer.write(bytes);
  }

  async end(): Promise<void> {
    this.record(RECORD.settle, {});
    await this.room();
    await this.over.promise;
    await this.transfer.leave();
  }

  async kill(): Promise<void> {
    await this.transfer.leave();
  }

  private async ask(): Promise<void> {
    const asks = this.asks;
    this.asks = [];
    await this.room();
    for (const id of asks) this.options.out.push(requestPacket(id));
  }

  private arrived(file: number, digest: Buffer): void {
    const done = this.digests.get(file);
    if (done === undefined) return;
    this.digests.delete(file);
    done(digest);
    if (this.digests.size === 0) this.options.drained();
  }

  private record(kind: number, about: RecordParts): void {
    for (const part of recordParts(kind, { ...about, transfer: this.transfer.number })) {
      this.parts.push(part);
      this.bytes += part.length;
    }
  }
}
