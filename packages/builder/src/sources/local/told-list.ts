import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Stat } from '@gantry/api/fsutil/types/wire';
import type { TreeWriter } from './tree-writer';

/** The file that has the list in a tree of which a client sends some contents only (`local.metadatatransfer`). */
export const TOLD_LIST = '.fsutil-metadata';
/** The list says nothing about times of its own: the same files make the same tree. */
export const TOLD_LIST_STAT = Buffer.from(Stat.encode(Stat.fromPartial({ path: TOLD_LIST, mode: 0o644 })).finish());

const CHUNK = 1 << 20;
/** No content is on its way when the list is written. */
const SLOT = 0;

/** Every stat that a client told, each behind its length (4 bytes, the lowest first), gathered in a file: there may be many. */
export class ToldList {
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly hash = createHash('sha256');

  private constructor(private readonly file: FileHandle) {}

  static async create(path: string): Promise<ToldList> {
    return new ToldList(await open(path, 'wx+', 0o600));
  }

  /** A promise where the next one has to wait. */
  add(stat: Buffer): Promise<void> | undefined {
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32LE(stat.length);
    for (const part of [head, stat]) {
      this.parts.push(part);
      this.bytes += part.length;
      this.hash.update(part);
    }
    return this.bytes >= CHUNK ? this.flush() : undefined;
  }

  /** Nothing follows. Resolves with the digest of all. */
  async end(): Promise<Buffer> {
    await this.flush();
    return this.hash.digest();
  }

  async writeTo(writer: TreeWriter, stat: Parameters<TreeWriter['open']>[1]): Promise<void> {
    writer.open(SLOT, stat);
    for (let at = 0; ;) {
      const { bytesRead, buffer } = await this.file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      writer.data(SLOT, buffer.subarray(0, bytesRead));
      await writer.room();
    }
    writer.close(SLOT, stat);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.parts, this.bytes);
    this.parts = [];
    this.bytes = 0;
    await this.file.appendFile(bytes);
  }
}
