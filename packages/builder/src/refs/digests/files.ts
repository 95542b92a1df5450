import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const STAMP = Buffer.alloc(32);

/**
 * Digests of file contents on the disk, a file a tree, in the C program's form (packages/native/tree/known.h). They spare reading and nothing hangs on them: what is lost
 * is computed again.
 */
export class DigestFiles {
  private ready: Promise<unknown> | undefined;

  constructor(private readonly folder: string) {}

  path(id: string): string {
    return join(this.folder, id);
  }

  async make(): Promise<void> {
    this.ready ??= mkdir(this.folder, { recursive: true, mode: 0o700 });
    await this.ready;
  }

  /** Puts what was noted of a tree beside the files that its parents left; the C program reads it as one more of them. */
  async note(id: string, digests: ReadonlyMap<string, Buffer>): Promise<string> {
    await this.make();
    const path = this.path(`${id}.noted`);
    const parts: Buffer[] = [];
    for (const [name, digest] of digests) parts.push(Buffer.from(`${name}\0`), STAMP, digest);
    await writeFile(path, Buffer.concat(parts), { mode: 0o600 });
    return path;
  }

  /** A file that was written beside takes the tree's place. */
  async settle(id: string, written: string): Promise<void> {
    await rename(written, this.path(id));
    await rm(this.path(`${id}.noted`), { force: true });
  }

  async remove(id: string): Promise<void> {
    await Promise.all([rm(this.path(id), { force: true }), rm(this.path(`${id}.noted`), { force: true })]);
  }

  /** Removes what belongs to none of the trees. */
  async keepOnly(known: (id: string) => boolean): Promise<void> {
    await this.make();
    for (const name of await readdir(this.folder)) if (!known(name)) await rm(join(this.folder, name), { force: true });
  }
}

/** A short name of everything that a checksum hangs on. */
export function selectorOf(path: string, options: object): string {
  return createHash('sha256')
    .update(JSON.stringify([path, options]))
    .digest('base64url');
}
