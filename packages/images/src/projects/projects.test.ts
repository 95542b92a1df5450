import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { Database } from '../store/database';
import { kernelQuotas } from './kernel-quotas';
import { Projects } from './projects';
import { CountedQuotas } from './testing/counted-quotas';

let root: string;
let db: Database;
let quotas: CountedQuotas;
let projects: Projects;

const open = (): Projects =>
  new Projects({ db, quotas, root, logger: silentLogger, named: [join(root, 'projects'), join(root, 'projid')] });

/** What stands for a volume: its directory, made and given in one transaction. */
const make = (name: string, bytes = 1 << 20): number => {
  const path = join(root, name);
  db.transaction(() => {
    mkdirSync(path);
    projects.give([path], bytes);
  });
  projects.enforce(path);
  return quotas.projectOf(path);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'projects-'));
  db = new Database(join(root, 'metadata.db'));
  quotas = new CountedQuotas();
  projects = open();
});
afterEach(() => {
  db.close();
  rmSync(root, { recursive: true, force: true });
});

test('a thousand have ids of their own, also those that are given after a restart', () => {
  const ids = Array.from({ length: 500 }, (_, n) => make(`a${n}`));
  projects = open();
  ids.push(...Array.from({ length: 500 }, (_, n) => make(`b${n}`)));
  expect(new Set(ids).size).toBe(1000);
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(2 ** 20);
  expect([...quotas.limits.values()]).toEqual(ids.map(() => 1 << 20));
});

test('several directories are one project', () => {
  const [fs, work] = [join(root, 'fs'), join(root, 'work')];
  db.transaction(() => projects.give([fs, work], 5));
  projects.enforce(fs);
  expect(quotas.projectOf(work)).toBe(quotas.projectOf(fs));
  expect([...quotas.limits]).toEqual([[quotas.projectOf(fs), 5]]);
});

test('an id that others have on the file system, or a name in the lists of the host, is passed over', () => {
  const first = make('a');
  quotas.others.add(first + 1);
  writeFileSync(join(root, 'projid'), `# ${first + 2}:no\nbackup:${first + 2}\n`);
  writeFileSync(join(root, 'projects'), `${first + 3}:/srv/data\n`);
  expect(make('b')).toBe(first + 4);
});

test('what is removed has no limit and its id is free', () => {
  const id = make('a');
  projects.release(join(root, 'a'));
  projects.release(join(root, 'a')); // and may be said again
  projects.release(join(root, 'never'));
  expect([...quotas.limits]).toEqual([]);
  expect(db.all('SELECT id FROM projects')).toEqual([]);
  projects = open();
  rmSync(join(root, 'a'), { recursive: true });
  expect(make('a')).toBe(id);
});

test('a transaction that fails leaves neither a record nor a limit', () => {
  expect(() =>
    db.transaction(() => {
      projects.give([join(root, 'a')], 7);
      throw new Error('a later step');
    }),
  ).toThrow('a later step');
  expect(() => projects.enforce(join(root, 'a'))).toThrow('is no project');
  expect([...quotas.limits]).toEqual([]);
});

test('a start puts right what a crash came between', () => {
  const [kept, gone, unlimited] = ['kept', 'gone', 'unlimited'].map((name) => make(name)) as [number, number, number];
  rmSync(join(root, 'gone'), { recursive: true }); // removed, and the id was not given back
  quotas.limits.delete(unlimited); // made, and not yet limited; or a power cut brought it back
  quotas.projects.delete(join(root, 'kept')); // its directory was made anew
  projects = open();
  projects.repair();
  expect([...quotas.limits].sort()).toEqual([kept, unlimited].sort().map((id) => [id, 1 << 20]));
  expect(quotas.projectOf(join(root, 'kept'))).toBe(kept);
  expect(db.all<{ id: number }>('SELECT id FROM projects ORDER BY id').map(({ id }) => id)).not.toContain(gone);
});

test('a file system that has no project quotas any more is told of and keeps nobody from starting', () => {
  make('a');
  quotas.full = true;
  expect(() => open().repair()).not.toThrow();
});

test('the kernel is asked, and a file system without project quotas answers no', () => {
  expect(kernelQuotas.supported('/proc')).toBe(false);
  expect(kernelQuotas.supported(join(root, 'absent'))).toBe(false);
  expect(() => kernelQuotas.assign('/proc', 1)).toThrow(/ioctl: ENOTTY|ioctl: EOPNOTSUPP|ioctl: ENOTSUP/);
});
