import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mount } from './snapshotter';
import { readTreeFiles } from './tree-files';
import { writtenBytes } from './written';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-tree-'));
  for (const name of ['lower', 'upper']) {
    mkdirSync(join(root, name, 'etc'), { recursive: true });
    writeFileSync(join(root, name, 'etc', 'passwd'), name);
  }
});
afterEach(() => rmSync(root, { recursive: true }));

const bind = (name: string): Mount => ({ type: 'bind', source: join(root, name), options: ['rbind', 'rw'] });
const overlay = (): Mount => ({
  type: 'overlay',
  source: 'overlay',
  options: [`workdir=${root}/work`, `upperdir=${root}/upper`, `lowerdir=${root}/lower`],
});
/** Neither one overlay nor one bind: what is mounted last is seen. */
const stacked = (): Mount[] => [bind('lower'), bind('upper')];
const text = (mounts: readonly Mount[], path: string): string | undefined => readTreeFiles(mounts, [path])[0]?.toString();

it('reads files of one bind, one overlay and of mounts of any other kind', () => {
  expect([[bind('lower')], [overlay()], stacked()].map((mounts) => text(mounts, '/etc/passwd'))).toEqual(['lower', 'upper', 'upper']);
  expect(readTreeFiles(stacked(), ['/etc/group', '/etc/passwd'])).toEqual([undefined, Buffer.from('upper')]);
});

it.each(['one', 'many'])('stays inside, and opens nothing but small regular files: %s', (kind) => {
  const mounts = kind === 'one' ? [bind('upper')] : stacked();
  const at = (name: string): string => join(root, 'upper', name);
  writeFileSync(join(root, 'secret'), 'of the host');
  symlinkSync(join(root, 'secret'), at('out'));
  symlinkSync('../../../../../../../../../../etc/shadow', at('up'));
  symlinkSync('/etc/passwd', at('in'));
  symlinkSync('loop', at('loop'));
  execFileSync('mkfifo', [at('fifo')]);
  writeFileSync(at('large'), Buffer.alloc(1024 * 1024 + 1));
  expect(['/out', '/up', '/in', '/etc/passwd/x'].map((path) => text(mounts, path))).toEqual([undefined, undefined, 'upper', undefined]);
  for (const [path, reason] of [
    ['/fifo', 'not a regular file'],
    ['/large', 'larger than'],
    ['/etc', 'directory'],
    ['/loop', 'too many symbolic links'],
  ] as const)
    expect(() => text(mounts, path)).toThrow(reason);
});

it('measures what was written, where it lies in a directory', async () => {
  writeFileSync(join(root, 'upper', 'more'), '12345');
  execFileSync('ln', [join(root, 'upper', 'more'), join(root, 'upper', 'again')]);
  expect(await writtenBytes([overlay()])).toBe('upper'.length + 5);
  expect(await writtenBytes(stacked())).toBeUndefined();
});
