import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from './capability';

/** A small file system of its own, mounted from a file. */
export interface SmallDisk {
  /** Where it is mounted, once `make` was called. */
  readonly path: string;
  make(): void;
  remove(): void;
}

/** Whether this machine can make one. Nothing is made by the question. */
export function canMakeDisks(): boolean {
  if (!hasProgram('mkfs.ext4')) return false;
  try {
    execFileSync('losetup', ['-f'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A disk below a folder that does not exist yet. */
export function smallDisk(folder: string, size: string, options = ''): SmallDisk {
  const path = join(folder, 'small');
  return {
    path,
    make() {
      mkdirSync(path, { recursive: true });
      execFileSync('truncate', ['-s', size, `${path}.img`]);
      execFileSync('mkfs.ext4', ['-q', `${path}.img`]);
      execFileSync('mount', ['-o', ['loop', ...(options === '' ? [] : [options])].join(','), `${path}.img`, path]);
    },
    remove() {
      execFileSync('umount', ['-l', path]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
