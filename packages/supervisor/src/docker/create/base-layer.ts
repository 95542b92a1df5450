import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';

/** Directories and empty files that docker puts into every root where the image has none. */
const DIRECTORIES: readonly (readonly [path: string, mode: number])[] = [
  ['dev', 0o755],
  ['dev/pts', 0o755],
  ['dev/shm', 0o1777],
  ['etc', 0o755],
  ['proc', 0o755],
  ['sys', 0o755],
];
const FILES = ['.dockerenv', 'dev/console', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf'];

function baseDirectory(dataRoot: string): string {
  return join(dataRoot, 'base');
}

/** Makes the directory that lies below every image's layers. Programs look for /.dockerenv and /etc/mtab in it. */
export function prepareBaseLayer(dataRoot: string): void {
  const base = baseDirectory(dataRoot);
  mkdirSync(base, { recursive: true, mode: 0o755 });
  for (const [path, mode] of DIRECTORIES) mkdirSync(join(base, path), { recursive: true, mode });
  for (const path of FILES) if (!existsSync(join(base, path))) writeFileSync(join(base, path), '', { mode: 0o755 });
  if (!existsSync(join(base, 'etc/mtab'))) symlinkSync('/proc/mounts', join(base, 'etc/mtab'));
}

/**
 * A snapshot's mounts with that directory as the lowest layer: what the image has, or hides, wins, and nothing of it counts as written by
 * the container. Mounts that are no overlay stay as they are.
 */
export function onBaseLayer(dataRoot: string, mounts: readonly Mount[]): Mount[] {
  const base = baseDirectory(dataRoot).replaceAll(/[\\:,]/g, (special) => `\\${special}`);
  return mounts.map((mount) =>
    mount.type === 'overlay'
      ? { ...mount, options: mount.options.map((option) => (option.startsWith('lowerdir=') ? `${option}:${base}` : option)) }
      : mount,
  );
}
