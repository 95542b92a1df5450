import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../harness';

/** The folder that `docker plugin create` takes: a program of ours (NAME.c beside this file) at /plugin, busybox as its shell, and the configuration. */
export function makePlugin({ folder }: Engine, name: 'keeper' | 'wire', config: object): string {
  const made = join(folder, `plugin-${name}`);
  const bin = join(made, 'rootfs', 'bin');
  mkdirSync(bin, { recursive: true });
  execFileSync('gcc', ['-static', '-Os', '-o', join(made, 'rootfs', 'plugin'), join(__dirname, `${name}.c`)]);
  copyFileSync('/bin/busybox', join(bin, 'busybox'));
  symlinkSync('busybox', join(bin, 'sh'));
  writeFileSync(join(made, 'config.json'), JSON.stringify({ entrypoint: ['/plugin'], ...config }));
  return made;
}
