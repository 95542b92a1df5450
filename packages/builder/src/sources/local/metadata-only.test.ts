import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Stat } from '@gantry/api/fsutil/types/wire';
import { locateProgram, TreeProgram, TreeRequest } from '@gantry/native';
import { LocalRig } from './testing/local-rig';
import { folder, type SentFile } from './testing/sender';
import { TOLD_LIST } from './told-list';

let rig: LocalRig;

beforeEach(async () => {
  rig = await LocalRig.make();
});
afterEach(() => rig.close());

const thin = (...exceptions: string[]): Record<string, string> => ({
  'local.metadatatransfer': 'true',
  'local.metadatatransferexclude': JSON.stringify(exceptions),
});
const files: readonly SentFile[] = [
  { path: '#first', content: '1' },
  { path: 'data', content: 'contents' },
  folder('dir', { modTime: 5n * 10n ** 9n }),
  { path: 'dir/file1', content: 'file1' },
  { path: 'dir/file2', content: 'file2' },
  folder('dir/subdir'),
  { path: 'dir/subdir/bar1', content: 'bar1' },
  { path: 'dir/subdir/bar2', content: 'bar2' },
  folder('dir/subdir2'),
  { path: 'dir/subdir2/bar3', content: 'bar3' },
  folder('ü'),
  { path: 'ü/x', content: 'x' },
];

async function listed(path: string): Promise<string[]> {
  const bytes = await readFile(join(path, TOLD_LIST));
  const paths: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at);
    paths.push(Stat.decode(bytes.subarray(at + 4, end)).path);
    at = end;
  }
  return paths;
}
const found = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .map((each) => join(each.parentPath, each.name).slice(path.length + 1))
    .sort();

test('of what a client tells only the exceptions and their folders come, and a list of all', async () => {
  const { path, sender } = await rig.bring(files, thin('dir/**/*1', 'ü'));
  expect(sender.asked).toEqual(['dir/file1', 'dir/subdir/bar1', 'ü/x']);
  expect(await found(path)).toEqual([TOLD_LIST, 'dir', 'dir/file1', 'dir/subdir', 'dir/subdir/bar1', 'ü', 'ü/x']);
  expect(await listed(path)).toEqual(files.map((file) => file.path));
  expect((await stat(join(path, 'dir'))).mtimeMs).toBe(5000);
});

test('what is the same is the same tree; a stat that changed is another list', async () => {
  const wish = thin('dir/**/*1');
  const first = await rig.bring(files, wish);
  const again = await rig.bring(files, wish);
  expect([again.path === first.path, again.sender.asked]).toEqual([true, []]);
  const third = await rig.bring([...files, { path: 'ü/y', content: 'y' }], wish);
  expect([third.path === first.path, third.sender.asked, await found(third.path)]).toEqual([false, [], await found(first.path)]);
  expect((await listed(third.path)).at(-1)).toBe('ü/y');
});

test('other exceptions are another tree, and folders keep their times', async () => {
  await rig.bring(files, thin('dir/file1', 'dir/subdir/*'));
  const { path, sender } = await rig.bring(files, thin('dir/file1', '#first'));
  expect([sender.asked, await found(path)]).toEqual([['#first'], ['#first', TOLD_LIST, 'dir', 'dir/file1']]);
  expect((await stat(join(path, 'dir'))).mtimeMs).toBe(5000);
});

test('without exceptions there is the list alone; a file of its name is nobody’s', async () => {
  const { path, sender } = await rig.bring([{ path: TOLD_LIST, content: 'mine' }, ...files.slice(1)], { 'local.metadatatransfer': '1' });
  expect([sender.asked, await found(path)]).toEqual([[], [TOLD_LIST]]);
  expect(await listed(path)).toEqual(files.slice(1).map((file) => file.path));
});

test('its checksum comes out of its list as it comes from a look at the tree', async () => {
  const program = new TreeProgram(locateProgram('gantry-native', __dirname));
  const { path } = await rig.bring(files, thin('dir/**/*1'));
  const ask = async (request: TreeRequest): Promise<string> => (await program.run(request, new AbortController().signal)).toString('hex');
  const mounts = [{ type: 'bind', source: path, options: ['rbind', 'ro'] }];
  const look = new TreeRequest('D').mounts(mounts).text('/').number(false).number(false).texts([]).texts([]).texts([]).text('').text('');
  expect(await ask(new TreeRequest('C').text([...rig.trees.lists.values()].at(-1) ?? ''))).toBe(await ask(look));
  program.close();
});

test.each<[Record<string, string>, string]>([
  [{ 'local.metadatatransfer': 'maybe' }, 'invalid value for local.metadatatransfer "maybe"'],
  [{ 'local.metadatatransferexclude': 'x' }, 'local source: local.metadatatransferexclude is not JSON'],
])('%j is refused', async (attributes, message) => {
  await expect(rig.bring(files, attributes)).rejects.toThrow(message);
});
