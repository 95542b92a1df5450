import { read } from 'node:fs';
import { promisify } from 'node:util';
import { AT, hasCode, O, RESOLVE, S, syscalls } from '@gantry/linux';

const readAt = promisify(read);

/** More of a user database than any image has. */
const MOST_BYTES = 1024 * 1024;

/**
 * A container's tree while nothing of it runs: each path is found below its root, whatever links say, and nothing is opened but folders and regular files.
 */
export class Tree {
  private constructor(private readonly root: number) {}

  static open(path: string): Tree {
    return new Tree(syscalls.openat(AT.FDCWD, path, O.PATH | O.DIRECTORY));
  }

  close(): void {
    syscalls.close(this.root);
  }

  /** A descriptor (O_PATH) of what is there, for the caller to close; undefined when nothing is. The last component is followed, too. */
  hold(path: string): number | undefined {
    return this.open(path, { flags: O.PATH, resolve: RESOLVE.IN_ROOT });
  }

  /** Runs `use` with a descriptor (O_PATH) of what is there; undefined when nothing is. The last component is followed unless `nofollow`. */
  at<T>(path: string, use: (fd: number) => T, { nofollow = false } = {}): T | undefined {
    return closed(this.open(path, { flags: O.PATH | (nofollow ? O.NOFOLLOW : 0), resolve: RESOLVE.IN_ROOT }), use);
  }

  /** A folder by its true path, no link on the way. */
  exactly<T>(path: string, use: (fd: number) => T): T | undefined {
    const flags = O.PATH | O.DIRECTORY;
    return closed(this.open(path.replace(/^\/+/, '') || '.', { flags, resolve: RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS }), use);
  }

  /** Where a path that exists really lies, links followed, from the tree's root. */
  truePath(path: string): string | undefined {
    const root = syscalls.readlinkat(AT.FDCWD, `/proc/self/fd/${this.root}`);
    return this.at(path, (fd) => {
      const found = syscalls.readlinkat(AT.FDCWD, `/proc/self/fd/${fd}`);
      return found === root ? '/' : found.slice(root.length);
    });
  }

  exists(path: string): boolean {
    return this.at(path, () => true, { nofollow: true }) ?? false;
  }

  /** Text of a regular file, its first megabyte; empty when there is none. */
  async text(path: string): Promise<string> {
    let whole = 0;
    const fd = this.at(path, (found) => {
      const { mode, size } = syscalls.statx(found, '', AT.EMPTY_PATH);
      if ((mode & S.IFMT) !== S.IFREG) return undefined;
      whole = Math.min(Number(size), MOST_BYTES);
      return syscalls.openat(AT.FDCWD, `/proc/self/fd/${found}`, O.RDONLY | O.NONBLOCK);
    });
    if (fd === undefined) return '';
    try {
      const into = Buffer.alloc(whole);
      let length = 0;
      while (length < whole) {
        const { bytesRead } = await readAt(fd, into, length, whole - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return into.toString('utf8', 0, length);
    } finally {
      syscalls.close(fd);
    }
  }

  /** Makes a folder and its missing parents, found below the root. Those that are made get the owner. */
  makeFolder(path: string, owner: { readonly uid: number; readonly gid: number }): void {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (let depth = 1; depth <= names.length; depth++) {
      const whole = `/${names.slice(0, depth).join('/')}`;
      if (this.at(whole, () => true) === true) continue;
      const parent = `/${names.slice(0, depth - 1).join('/')}`;
      this.at(parent, (fd) => {
        const name = names[depth - 1] ?? '';
        syscalls.mkdirat(fd, name, 0o755);
        syscalls.fchownat(fd, name, owner.uid, owner.gid, AT.SYMLINK_NOFOLLOW);
      });
    }
  }

  private open(path: string, how: { readonly flags: number; readonly resolve: number }): number | undefined {
    try {
      return syscalls.openat2(this.root, path, how);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'].some((code) => hasCode(error, code))) return undefined;
      throw error;
    }
  }
}

function closed<T>(fd: number | undefined, use: (fd: number) => T): T | undefined {
  if (fd === undefined) return undefined;
  try {
    return use(fd);
  } finally {
    syscalls.close(fd);
  }
}
