import { createHash, type Hash, hash } from 'node:crypto';
import { dataLoss } from '@gantry/rpc';
import { type FileStat, fileStat } from './stat';
import type { Outbox } from './outbox';
import { requestPacket } from './packet';
import type { Contents, Expected } from './tree';
import type { TreeWriter } from './tree-writer';

/** Bytes of a file that are gathered, so that it is written in one go; larger ones are written as they come. */
const WHOLE = 64 << 10;
const SLOTS = 64;

interface Coming extends Expected {
  readonly parts: Buffer[];
  bytes: number;
  large: { readonly slot: number; readonly stat: FileStat; readonly hash: Hash } | undefined;
}

/** Contents that were asked for, as they come: in pieces, several files' at once. What takes them is made when there is something to write. */
export class NearContents implements Contents {
  private readonly coming = new Map<number, Coming>();
  private readonly free = Array.from({ length: SLOTS }, (_, at) => SLOTS - 1 - at);
  private writer: TreeWriter | undefined;

  constructor(
    private readonly begin: () => Promise<TreeWriter>,
    private readonly out: Outbox<Buffer>,
  ) {}

  get outstanding(): number {
    return this.coming.size;
  }

  expect(id: number, expected: Expected): void {
    this.coming.set(id, { ...expected, parts: [], bytes: 0, large: undefined });
    this.out.push(requestPacket(id));
  }

  /** A piece of a file; an empty one ends it. A promise where the next piece has to wait. */
  take(id: number, data: Buffer): Promise<void> | undefined {
    const file = this.coming.get(id);
    if (file === undefined) throw dataLoss(`the client sent content of file ${id}, which was not asked for`);
    if (data.length === 0) return this.finish(id, file);
    if (file.large !== undefined) {
      file.large.hash.update(data);
      this.writer?.data(file.large.slot, data);
      return undefined;
    }
    file.parts.push(data);
    file.bytes += data.length;
    return file.bytes > WHOLE ? this.writing((writer) => this.enlarge(writer, file)) : undefined;
  }

  private enlarge(writer: TreeWriter, file: Coming): void {
    const slot = this.free.pop();
    if (slot === undefined) throw dataLoss(`the client sends more than ${SLOTS} files at once`);
    file.large = { slot, stat: fileStat(file.raw), hash: createHash('sha256') };
    writer.open(slot, file.large.stat);
    file.changed?.();
    for (const part of file.parts.splice(0)) {
      file.large.hash.update(part);
      writer.data(slot, part);
    }
  }

  private finish(id: number, file: Coming): Promise<void> | undefined {
    this.coming.delete(id);
    const { large, parts, known, done } = file;
    if (large !== undefined) {
      this.writer?.close(large.slot, large.stat);
      this.free.push(large.slot);
      done(large.hash.digest());
      return undefined;
    }
    const [only] = parts;
    const digest = hash('sha256', parts.length === 1 && only !== undefined ? only : Buffer.concat(parts), 'buffer');
    done(digest);
    if (known?.equals(digest) === true) return undefined;
    return this.writing((writer) => {
      writer.put(fileStat(file.raw), parts);
      file.changed?.();
    });
  }

  private writing(write: (writer: TreeWriter) => void): Promise<void> | undefined {
    if (this.writer !== undefined) {
      write(this.writer);
      return undefined;
    }
    return this.begin().then((writer) => {
      this.writer = writer;
      write(writer);
    });
  }
}
