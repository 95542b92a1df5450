import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
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

/** Whether ext4 can hold projects to limits here: the kernel's form of its quota files is often a module. */
export function canHoldProjects(): boolean {
  if (!canMakeDisks()) return false;
  try {
    execFileSync('modprobe', ['quota_v2'], { stdio: 'ignore' });
    return true;
  } catch {
    return existsSync('/proc/config.gz') && /^CONFIG_QFMT_V2=y/m.test(gunzipSync(readFileSync('/proc/config.gz')).toString());
  }
}

/** A disk below a folder that does not exist yet; with the features of mkfs.ext4 -O. */
export function smallDisk(folder: string, size: string, options = '', features = ''): SmallDisk {
  const path = join(folder, 'small');
  return {
    path,
    make() {
      mkdirSync(path, { recursive: true });
      execFileSync('truncate', ['-s', size, `${path}.img`]);
      execFileSync('mkfs.ext4', ['-q', ...(features === '' ? [] : ['-O', features]), `${path}.img`]);
      execFileSync('mount', ['-o', ['loop', ...(options === '' ? [] : [options])].join(','), `${path}.img`, path]);
    },
    remove() {
      execFileSync('umount', ['-l', path]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
