import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syscalls } from '@gantry/linux';
import type { BuildCase, FileSpec } from './case';

const TIME = 1_000_000_000;

/** Lays a case's files and its Dockerfile out below a folder. Folders that stand only in paths are 0755 and as old as all else. */
export function layOut(folder: string, { files = {}, dockerfile, path = 'Dockerfile' }: BuildCase): void {
  const all: [string, FileSpec][] = Object.entries({ ...files, [path]: dockerfile }).map(([name, file]) => [
    name,
    typeof file === 'string' ? { content: file } : file,
  ]);
  const folders = new Set<string>();
  for (const [name, file] of all) {
    for (let up = dirname(name); up !== '.'; up = dirname(up)) folders.add(up);
    write(folder, name, file);
  }
  for (const [name, file] of all) if (file.hardlink === undefined) date(join(folder, name), file.time ?? TIME);
  for (const name of [...folders].filter((one) => !(one in files)).sort((a, b) => b.length - a.length)) date(join(folder, name), TIME);
  for (const [name, file] of all) if (file.folder === true) date(join(folder, name), file.time ?? TIME);
}

function write(folder: string, name: string, file: FileSpec): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  if (file.folder === true) mkdirSync(path, { recursive: true });
  else if (file.symlink !== undefined) return symlinkSync(file.symlink, path);
  else if (file.hardlink !== undefined) return linkSync(join(folder, file.hardlink), path);
  else if (file.fifo === true) execFileSync('mkfifo', [path]);
  else writeFileSync(path, file.content ?? '');
  chmodSync(path, file.mode ?? (file.folder === true ? 0o755 : 0o644));
  for (const [key, value] of Object.entries(file.attributes ?? {})) syscalls.lsetxattr(path, key, Buffer.from(value));
}

function date(path: string, seconds: number): void {
  lutimesSync(path, seconds, seconds);
}
