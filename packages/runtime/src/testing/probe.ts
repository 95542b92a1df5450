import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds probe.c into a rootfs; false without a C compiler that links statically. */
export function buildProbe(rootfs: string): boolean {
  return spawnSync('cc', ['-static', '-O1', '-o', join(rootfs, 'bin/probe'), join(__dirname, 'probe.c')], { stdio: 'ignore' }).status === 0;
}
