import { createReadStream, createWriteStream } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileAction } from '@gantry/api/pb/ops';
import { AT, O, RESOLVE, syscalls } from '@gantry/linux';
import { TreeRequest } from '@gantry/native';
import { type CallContext, invalidArgument, notFound } from '@gantry/rpc';
import type { Ref, WorkingTree } from '../../refs/ref';
import { cleanPath } from './actions';
import { decompressed } from './decompressed';
import type { Owner } from './owner';
import type { FileBase } from './run';

export interface Unpacking {
  readonly tree: WorkingTree;
  readonly action: FileAction;
  readonly source: Ref | undefined;
  readonly owner: Owner | undefined;
  /** Carries plain actions out on the tree. */
  readonly plain: (actions: readonly FileAction[]) => Promise<void>;
}

/** A copy that lays archives out (ADD): told by their contents, not by their names. What is no archive is copied as it is. */
export async function unpackArchive(base: FileBase, ctx: CallContext, { tree, action, source, owner, plain }: Unpacking): Promise<void> {
  const { copy } = action;
  if (copy === undefined) throw invalidArgument('file action is no copy');
  const src = cleanPath(copy.src);
  const matches = await matchesOf(base, ctx, { source, src, follow: copy.followSymlink, wildcard: copy.allowWildcard });
  if (matches.length === 0 && !copy.allowEmptyWildcard) throw notFound(`${src} not found`);
  for (const { path, regular } of matches) {
    const folder: FileAction = {
      ...nothing,
      mkdir: { path: cleanPath(copy.dest), mode: 0o755, makeParents: true, owner: undefined, timestamp: copy.timestamp },
    };
    const done =
      regular &&
      (await base.refs.withTree(ctx, source, (root) =>
        unpackFile(base, ctx, { root, path, tree, dest: copy.dest, owner, before: () => plain([folder]) }),
      ));
    if (done) continue;
    // As a path that is none of a pattern; the slash at its end, which the match lost, says no more.
    await plain([
      {
        ...action,
        copy: { ...copy, src: copy.allowWildcard ? `/${path}` : copy.src, allowWildcard: false, attemptUnpackDockerCompatibility: false },
      },
    ]);
  }
}

const nothing = { input: 0n, secondaryInput: -1n, output: -1n };

async function matchesOf(
  base: FileBase,
  ctx: CallContext,
  {
    source,
    src,
    follow,
    wildcard,
  }: { readonly source: Ref | undefined; readonly src: string; readonly follow: boolean; readonly wildcard: boolean },
): Promise<{ readonly path: string; readonly regular: boolean }[]> {
  const view = await base.refs.view(ctx, source);
  try {
    const answer = await base.program.run(new TreeRequest('G').mounts(view.mounts).text(src).number(follow).number(wildcard), ctx.signal);
    return answer
      .toString()
      .split('\0')
      .slice(0, -1)
      .map((match) => ({ regular: match.startsWith('f'), path: match.slice(1) }));
  } finally {
    await view.release();
  }
}

interface UnpackFile {
  readonly root: string;
  readonly path: string;
  readonly tree: WorkingTree;
  readonly dest: string;
  readonly owner: Owner | undefined;
  readonly before: () => Promise<void>;
}

/** False: it is no archive. */
async function unpackFile(base: FileBase, ctx: CallContext, { root, path, tree, dest, owner, before }: UnpackFile): Promise<boolean> {
  const folder = syscalls.openat(AT.FDCWD, root, O.PATH | O.DIRECTORY);
  let file: number;
  try {
    file = syscalls.openat2(folder, path, { flags: O.RDONLY | O.NONBLOCK, resolve: RESOLVE.IN_ROOT });
  } finally {
    syscalls.close(folder);
  }
  const tar = await asTar(createReadStream('', { fd: file, highWaterMark: 1 << 20 }));
  if (tar === undefined) return false;
  try {
    await before();
    await layOut(base, ctx, { tar, tree, dest, owner });
    return true;
  } finally {
    tar.destroy();
  }
}

/** The program reads the tar from a pipe of this process: foreign bytes are decompressed here, before anything touches the tree. */
async function layOut(
  base: FileBase,
  ctx: CallContext,
  {
    tar,
    tree,
    dest,
    owner,
  }: { readonly tar: Readable; readonly tree: WorkingTree; readonly dest: string; readonly owner: Owner | undefined },
): Promise<void> {
  const [read, write] = syscalls.pipe2(O.CLOEXEC);
  const request = new TreeRequest('U').mounts(tree.mounts).text(`/proc/${process.pid}/fd/${read}`).text(cleanPath(dest));
  const end = new AbortController();
  const fed = pipeline(tar, createWriteStream('', { fd: write }), { signal: AbortSignal.any([ctx.signal, end.signal]) });
  fed.catch(() => undefined); // a broken archive is told below; a pipe that broke because the program gave up by the program
  try {
    const done = base.program.run(request.number(owner?.uid ?? -1).number(owner?.gid ?? -1), ctx.signal);
    const broken = fed.then(
      () => undefined,
      (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : Promise.reject(error)),
    );
    await Promise.all([done, broken]);
  } finally {
    end.abort();
    syscalls.close(read);
  }
}

const BLOCK = 512;

/** The tar that a file is, decompressed; undefined when it is none. */
async function asTar(file: Readable): Promise<Readable | undefined> {
  const plain = await decompressed(file);
  const iterator = plain[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const head: Buffer[] = [];
  let size = 0;
  try {
    while (size < BLOCK) {
      const next = await iterator.next();
      if (next.done === true) break;
      head.push(next.value);
      size += next.value.length;
    }
  } catch {
    // what cannot be decompressed is no archive
    plain.destroy();
    file.destroy();
    return undefined;
  }
  const first = Buffer.concat(head);
  if (first.length < BLOCK || !isHeader(first.subarray(0, BLOCK))) {
    plain.destroy();
    file.destroy();
    return undefined;
  }
  const whole = new PassThrough({ highWaterMark: 1 << 20 });
  void (async () => {
    try {
      whole.write(first);
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        if (!whole.write(next.value)) await new Promise((resolve) => whole.once('drain', resolve).once('close', resolve));
      whole.end();
    } catch (error) {
      whole.destroy(error as Error);
    } finally {
      file.destroy();
    }
  })();
  return whole;
}

/** A tar's header by its checksum; an empty archive is none. */
function isHeader(block: Buffer): boolean {
  const said = parseInt(
    block
      .toString('latin1', 148, 156)
      .replace(/[\0 ]+/g, ' ')
      .trim(),
    8,
  );
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return said === sum;
}
