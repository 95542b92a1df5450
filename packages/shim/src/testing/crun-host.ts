import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const UNIFIED = '/sys/fs/cgroup/unified/cgroup.controllers';

/**
 * crun refuses a hybrid host whose v2 tree still holds controllers (here hugetlb). While its tests run, such controllers are mounted as v1
 * below a temporary directory. Returns the undo.
 */
export function withoutUnifiedControllers(): () => void {
  const controllers = existsSync(UNIFIED) ? readFileSync(UNIFIED, 'utf8').trim() : '';
  if (controllers === '') return () => undefined;
  const dir = mkdtempSync(join(tmpdir(), 'gantry-v1-'));
  execFileSync('mount', ['-t', 'cgroup', '-o', controllers.replaceAll(' ', ','), 'gantry-test', dir]);
  process.stderr.write(`crun cannot run on a hybrid host with v2 controllers: ${controllers} mounted as v1 for these tests\n`);
  return () => {
    execFileSync('umount', [dir]);
    rmdirSync(dir);
  };
}
