import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { lstatSync, statfsSync, utimesSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { syscalls } from '@gantry/linux';
import { treeOutcome } from '@gantry/native';

export interface Budget {
  /** Bytes of file data that one layer may unpack to. */
  readonly maxBytes: number;
  /** Entries that one layer may hold. */
  readonly maxEntries: number;
}

export interface Laid {
  readonly entries: number;
  readonly bytes: number;
  readonly warnings: number;
  /** Directories that the archive used without listing them; each character is one byte of the name. */
  readonly implicit: readonly string[];
  /** Of a gzip layer that the program decompressed: the digest of the tar. */
  readonly digest?: string;
}

export interface Extraction {
  /** The tar goes here. Writing fails with EPIPE once the extraction failed: `done` then tells why. */
  readonly input: Writable;
  readonly done: Promise<Laid>;
  kill(): void;
}

/** An extraction that reads a growing file. */
export interface Following {
  readonly done: Promise<Laid>;
  advance(bytes: number): void;
  end(): void;
  kill(): void;
}

export interface Packing {
  readonly output: Readable;
  readonly done: Promise<void>;
  kill(): void;
}

/** The static C program that touches foreign trees: it extracts, packs and removes inside one root. */
export class NativeTree {
  constructor(
    private readonly binary: string,
    private readonly budget: Budget,
    /** A directory on the file system that layers land on: its free room bounds them. */
    private readonly place: string,
  ) {}

  /** Extracts a tar stream below root. overlay: whiteouts become overlayfs' own; else they delete. */
  extract(root: string, overlay: boolean): Extraction {
    const { maxBytes, maxEntries } = this.room();
    const child = this.start([
      '--root',
      root,
      ...(overlay ? ['--overlay'] : []),
      '--max-bytes',
      String(maxBytes),
      '--max-entries',
      String(maxEntries),
    ]);
    child.stdin.on('error', () => undefined); // the exit status says more than EPIPE
    const done = treeOutcome(child).then((text) => JSON.parse(text) as Laid);
    done.catch(() => undefined);
    return { input: child.stdin, done, kill: () => child.kill('SIGKILL') };
  }

  /** As extract, from the file of an open descriptor that may still grow: `advance` says how far it has come. The descriptor may be closed afterwards. */
  follow(root: string, overlay: boolean, file: number, gzip = false): Following {
    const { maxBytes, maxEntries } = this.room();
    const args = [
      'untar',
      '--root',
      root,
      '--follow',
      ...(gzip ? ['--gzip'] : []),
      ...(overlay ? ['--overlay'] : []),
      '--max-bytes',
      String(maxBytes),
      '--max-entries',
      String(maxEntries),
    ];
    const child = spawn(this.binary, args, { stdio: ['pipe', 'pipe', 'pipe', file], env: {} }) as ChildProcessByStdio<
      Writable,
      Readable,
      Readable
    >;
    child.stdin.on('error', () => undefined); // the exit status says more than EPIPE
    const done = treeOutcome(child).then((text) => JSON.parse(text) as Laid);
    done.catch(() => undefined);
    return {
      done,
      advance: (bytes) => {
        const count = Buffer.alloc(8);
        count.writeBigUInt64LE(BigInt(bytes));
        if (!child.stdin.destroyed) child.stdin.write(count);
      },
      end: () => void child.stdin.end(),
      kill: () => child.kill('SIGKILL'),
    };
  }

  /** Gives directories that a layer only implied the attributes they have in the nearest of the parents. */
  async adopt(root: string, implicit: readonly string[], parents: readonly string[]): Promise<void> {
    const [nearest] = parents;
    if (implicit.length === 0 || nearest === undefined) return;
    if (implicit.length === 1 && implicit[0] === '.' && adoptedRoot(root, nearest)) return;
    const child = this.start(['--root', root, '--adopt', ...parents.flatMap((parent) => ['--parent', parent])]);
    child.stdin.on('error', () => undefined);
    child.stdin.end(Buffer.from(`${implicit.join('\0')}\0`, 'latin1'));
    await treeOutcome(child);
  }

  /** Removes a tree, and the directory itself. One that is gone already is fine. */
  async remove(path: string): Promise<void> {
    const child = this.start(['--root', dirname(path), '--remove', basename(path)]);
    child.stdin.end();
    await treeOutcome(child);
  }

  /**
   * Packs what is below root (a directory or a descriptor of one) as a tar; path is resolved inside it. overlay: overlayfs' whiteouts become the
   * archive's. layer: the root is named only where there is something to say of it, as containerd's layers have it.
   */
  pack(
    root: string | number,
    { overlay = false, layer = false, path = '' }: { readonly overlay?: boolean; readonly layer?: boolean; readonly path?: string } = {},
  ): Packing {
    const where = typeof root === 'string' ? root : '/proc/self/fd/3';
    const args = [
      'pack',
      '--root',
      where,
      ...(path === '' ? [] : ['--path', path]),
      ...(overlay ? ['--overlay'] : []),
      ...(layer ? ['--layer'] : []),
    ];
    const child = spawn(this.binary, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(typeof root === 'number' ? [root] : [])],
      env: {},
    }) as ChildProcessByStdio<null, Readable, Readable>;
    // Read from the start: what nobody reads by the time a child ends, Node throws away.
    const output = child.stdout.pipe(new PassThrough());
    const done = treeOutcome(child, false).then(() => undefined);
    done.catch(() => undefined);
    return { output, done, kill: () => child.kill('SIGKILL') };
  }

  /** The configured budget, or what the file system has left (a twentieth kept), whichever is less. */
  private room(): Budget {
    const { bavail, bsize, ffree } = statfsSync(this.place);
    const inodes = ffree > 0 ? Math.floor(ffree * 0.95) : Infinity;
    return {
      maxBytes: Math.min(this.budget.maxBytes, Math.floor(bavail * bsize * 0.95)),
      maxEntries: Math.min(this.budget.maxEntries, inodes),
    };
  }

  private start(args: readonly string[]) {
    return spawn(this.binary, ['untar', ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
  }
}

/** Most layers list no root and have the root that everybody has: not worth a process. False when there is more to do than its time. */
function adoptedRoot(root: string, parent: string): boolean {
  const [own, below] = [lstatSync(root), lstatSync(parent)];
  if (
    own.mode !== below.mode ||
    own.uid !== below.uid ||
    own.gid !== below.gid ||
    syscalls.llistxattr(parent).some((name) => !name.startsWith('trusted.overlay.'))
  )
    return false;
  utimesSync(root, below.atimeMs / 1000, below.mtimeMs / 1000);
  return true;
}
