import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { lstatSync, statfsSync, utimesSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { syscalls } from '@gantry/linux';
import { squeeze, type Squeezing, treeOutcome, TreeProgram, TreeRequest, type WrittenBlob } from '@gantry/native';

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

/** A layer that is here. */
export interface WholeFile {
  readonly path: string;
  readonly size: number;
  readonly gzip: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface PackOptions {
  readonly overlay?: boolean;
  readonly layer?: boolean;
  readonly path?: string;
  /** What an overlay's changes lie on, topmost first: what is the same there is left out. */
  readonly lower?: readonly string[];
  /** Only what differs from this tree. */
  readonly base?: string;
}

export interface Packing {
  readonly output: Readable;
  readonly done: Promise<void>;
  kill(): void;
}

/** Which tree becomes a layer, and how. */
export interface LayerTree extends Pick<PackOptions, 'overlay' | 'lower' | 'base'> {
  readonly root: string;
}

export interface BlobPacking {
  readonly done: Promise<WrittenBlob>;
  kill(): void;
}

/** The static C program that touches foreign trees: it extracts, packs and removes inside one root. */
export class NativeTree {
  constructor(
    private readonly binary: string,
    private readonly budget: Budget,
    /** A directory on the file system that layers land on: its free room bounds them. */
    private readonly place: string,
    /** Lays out what is here whole, by a process that is kept: the start of one costs more than a small layer. */
    private readonly workers: Pick<TreeProgram, 'run'> = new TreeProgram(binary),
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

  /** Lays out a file of this size; the path is good until the end. */
  async lay(root: string, overlay: boolean, { path, size, gzip, signal = new AbortController().signal }: WholeFile): Promise<Laid> {
    const { maxBytes, maxEntries } = this.room();
    const request = new TreeRequest('T').text(root).number(overlay).text(path).number(gzip).number(size);
    request.number(Math.min(maxBytes, Number.MAX_SAFE_INTEGER)).number(Math.min(maxEntries, Number.MAX_SAFE_INTEGER));
    return JSON.parse((await this.workers.run(request, signal)).toString()) as Laid;
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
   * archive's. layer: the root is named only where there is something to say of it, as containerd's layers have it. base: only what differs from
   * that tree.
   */
  pack(root: string | number, { overlay = false, layer = false, path = '', lower = [], base }: PackOptions = {}): Packing {
    const where = typeof root === 'string' ? root : '/proc/self/fd/3';
    const args = [
      'pack',
      '--root',
      where,
      ...(path === '' ? [] : ['--path', path]),
      ...(overlay ? ['--overlay'] : []),
      ...(layer ? ['--layer'] : []),
      ...lower.flatMap((directory) => ['--lower', directory]),
      ...(base === undefined ? [] : ['--base', base]),
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

  /** Packs a tree as an image layer, plain or at a gzip level, into the file of an open descriptor, which may be closed afterwards. */
  packLayer({ root, base, overlay = false, lower = [] }: LayerTree, level: number | undefined, file: number): BlobPacking {
    const args = [
      ...['pack', '--root', root, '--layer', '--blob', level === undefined ? 'plain' : `gzip=${level}`],
      ...(base === undefined ? [] : ['--base', base]),
      ...(overlay ? ['--overlay'] : []),
      ...lower.flatMap((directory) => ['--lower', directory]),
    ];
    const child = spawn(this.binary, args, { stdio: ['ignore', 'pipe', 'pipe', file], env: {} });
    const done = treeOutcome(child).then((text) => JSON.parse(text) as WrittenBlob);
    done.catch(() => undefined);
    return { done, kill: () => child.kill('SIGKILL') };
  }

  /** gzip of an open descriptor's file to another one; both may be closed afterwards; see squeeze. */
  squeeze(file: number, to: number, level: number, skip: number): Squeezing {
    return squeeze(this.binary, { level, skip, from: file, to });
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
