import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mount } from '@gantry/api/containerd/types/types';
import { AT, MNT, MOUNT_ATTR, MOVE_MOUNT, MS, OPEN_TREE, syscalls } from '@gantry/linux';

/** A user namespace that maps 0 to `first`, held by a process until fn is done. */
async function withUserNamespace<T>(first: number, fn: (userns: number) => T): Promise<T> {
  const holder = spawn('unshare', ['--user', 'sleep', '60'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  try {
    const own = (): string => (existsSync(`/proc/${holder.pid}/comm`) ? readFileSync(`/proc/${holder.pid}/comm`, 'utf8').trim() : '');
    for (let tries = 0; own() !== 'sleep' && tries < 8000; tries++) await sleep(5); // nothing tells that it has execed
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${map}`, `0 ${first} 65536\n`);
    const userns = openSync(`/proc/${holder.pid}/ns/user`, 'r');
    try {
      return fn(userns);
    } finally {
      closeSync(userns);
    }
  } finally {
    holder.kill('SIGKILL');
    await ended;
  }
}

/** Shows a read-only snapshot through an id map, as the shim does: overlayfs takes none itself, so each of its layers is mapped. */
export async function throughIdMap<T>(mounts: readonly Mount[], first: number, fn: (root: string) => T): Promise<T> {
  const [mount] = mounts;
  const layers =
    mount?.type === 'bind'
      ? [mount.source]
      : (mount?.options.find((option) => option.startsWith('lowerdir=')) ?? '').slice('lowerdir='.length).split(':');
  const place = mkdtempSync(join(tmpdir(), 'gi-mapped-'));
  const targets: string[] = [];
  try {
    return await withUserNamespace(first, (userns) => {
      for (const [at, layer] of layers.entries()) {
        const target = join(place, String(at));
        mkdirSync(target);
        const tree = syscalls.openTree(AT.FDCWD, layer, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC);
        try {
          syscalls.mountSetattr(tree, '', AT.EMPTY_PATH, { set: MOUNT_ATTR.IDMAP, userns });
          syscalls.moveMount(tree, '', AT.FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH);
        } finally {
          syscalls.close(tree);
        }
        targets.push(target);
      }
      if (targets.length === 1) return fn(targets[0] ?? '');
      const merged = join(place, 'merged');
      mkdirSync(merged);
      syscalls.mount('overlay', merged, 'overlay', MS.RDONLY, `lowerdir=${targets.join(':')}`);
      targets.push(merged);
      return fn(merged);
    });
  } finally {
    for (const target of targets.reverse()) syscalls.umount2(target, MNT.DETACH);
    rmSync(place, { recursive: true });
  }
}
