import { type CallContext, isErrorOf, notFound } from '@gantry/rpc';
import type { Ref, Refs } from '../refs/ref';
import { readTreeFile } from './files';

export interface FileWish {
  readonly ref: Ref | undefined;
  readonly path: string;
  readonly range?: { readonly offset: number; readonly length: number } | undefined;
}

/** Bytes of one file that is remembered, and of all of them. */
const LARGEST = 64 << 10;
const MOST = 4 << 20;
/** What an entry takes beside its bytes. */
const ENTRY = 512;

type Found = { readonly bytes: Buffer } | { readonly missing: string };

/**
 * Files of trees, as frontends read them. Trees never change: a small file that was read, or was not there, is not looked for in its tree again while there is room.
 * Builds of the same read the same few.
 */
export class TreeFiles {
  private readonly known = new Map<string, Found>();
  private size = 0;

  constructor(private readonly trees: Pick<Refs, 'withTree'>) {}

  async read(ctx: CallContext, wish: FileWish): Promise<Buffer> {
    const key = wish.ref === undefined ? undefined : JSON.stringify([wish.ref.id, wish.path, wish.range]);
    const found = (key === undefined ? undefined : this.known.get(key)) ?? (await this.look(ctx, wish));
    if (key !== undefined) this.remember(key, found);
    if ('missing' in found) throw notFound(found.missing);
    return Buffer.from(found.bytes);
  }

  private async look(ctx: CallContext, wish: FileWish): Promise<Found> {
    try {
      return { bytes: await readTreeFile(this.trees, ctx, wish) };
    } catch (error) {
      if (isErrorOf(error, 'notFound')) return { missing: error.message };
      throw error;
    }
  }

  /** As the newest. */
  private remember(key: string, found: Found): void {
    this.forget(key);
    if (sizeOf(found) > LARGEST) return;
    this.known.set(key, found);
    this.size += ENTRY + sizeOf(found);
    for (const oldest of this.known.keys()) {
      if (this.size <= MOST) return;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    const found = this.known.get(key);
    if (found === undefined) return;
    this.known.delete(key);
    this.size -= ENTRY + sizeOf(found);
  }
}

const sizeOf = (found: Found): number => ('missing' in found ? 0 : found.bytes.length);
