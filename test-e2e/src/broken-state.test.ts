import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bundles,
  canMakeDisks,
  command,
  type CommandResult,
  type Engine,
  loadBusybox,
  pinnedNode,
  smallDisk,
  startEngine,
  testWith,
} from './harness';

const databases = { images: 'metadata.db', supervisor: 'state.db', network: 'network.db' } as const;
type Service = keyof typeof databases;
const services = Object.keys(databases) as Service[];

const damages: Record<string, (file: string) => void> = {
  'of other bytes': (file) => writeFileSync(file, Buffer.alloc(100_000, 'not a database')),
  'cut in half': (file) => truncateSync(file, readFileSync(file).length >> 1),
  emptied: (file) => truncateSync(file, 0),
  removed: (file) => rmSync(file),
  'of another user': (file) => chownSync(file, 65534, 65534),
};

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
  await loadBusybox(engine);
  for (const args of [
    ['network', 'create', 'own'],
    ['volume', 'create', 'data'],
    ['run', '--name', 'kept', '-v', 'data:/data', '--network', 'own', 'busybox', 'sh', '-c', 'echo mine > /data/f; echo layer > /g'],
  ]) {
    expect(await engine.docker(args)).toMatchObject({ code: 0 });
  }
  await engine.halt(); // killed, all that was ever written would still lie in the logs, and the databases would not matter
}, 120_000);
afterAll(async () => engine.destroy());

const serve = (service: Service, root = engine.root): Promise<CommandResult> =>
  command(pinnedNode, [join(bundles, `gantry-${service}.cjs`), '--root', root, '--run', engine.run], { timeout: 60_000 });

const whole = (separate: boolean): Promise<CommandResult> =>
  command(
    'nsenter',
    [
      `--net=/run/netns/${engine.netns}`,
      pinnedNode,
      join(bundles, 'gantry.cjs'),
      'up',
      '--root',
      engine.root,
      '--run',
      engine.run,
      '--config-dir',
      join(engine.folder, 'config'),
      ...(separate ? ['--separate'] : []),
    ],
    { timeout: 60_000 },
  );

/** Does something to a service's database while fn runs, and puts it back as it was, log and all. */
async function broken(service: Service, damage: (file: string) => void, fn: (file: string) => Promise<void>): Promise<void> {
  const data = join(engine.root, service);
  const saved = `${data}.saved`;
  execFileSync('cp', ['-a', data, saved]);
  try {
    const file = join(data, databases[service]);
    damage(file);
    await fn(file);
  } finally {
    rmSync(data, { recursive: true });
    renameSync(saved, data);
  }
}

/** One line that names the path, and no stack. */
function expectTold(result: CommandResult, code: number, path: string): void {
  expect(result).toMatchObject({ code, stderr: expect.stringContaining(path) as string });
  expect(result.stderr.split('\n').filter((line) => /^\s+at |node:internal/.test(line))).toEqual([]);
}

describe('attack 55: state that cannot be used', () => {
  test.each(services.flatMap((service) => Object.keys(damages).map((damage) => [service, damage] as const)))(
    '%s refuses a database %s, by its path, and leaves it',
    async (service, damage) => {
      await broken(service, damages[damage] as (file: string) => void, async (file) => {
        const before = existsSync(file) ? readFileSync(file) : undefined;
        const ended = await serve(service);
        expectTold(ended, 3, file);
        expect(ended.stderr.trim().split('\n')).toHaveLength(1);
        expect(existsSync(file) ? readFileSync(file).equals(before ?? Buffer.alloc(0)) : before === undefined).toBe(true);
      });
    },
    180_000,
  );

  test.each([false, true])(
    'the launcher gives up and says why (separate: %s)',
    async (separate) => {
      await broken('supervisor', damages['cut in half'] as (file: string) => void, async (file) => {
        const ended = await whole(separate);
        expectTold(ended, 3, file);
        expect(ended.stderr.match(/is damaged/g)).toHaveLength(1);
      });
    },
    180_000,
  );

  test('a data root of somebody else, or on a read-only file system', async () => {
    chownSync(engine.root, 65534, 65534);
    expectTold(await serve('images'), 3, `${engine.root} belongs to user 65534, not to user 0`);
    chownSync(engine.root, 0, 0);
    execFileSync('mount', ['--bind', engine.root, engine.root]);
    try {
      execFileSync('mount', ['-o', 'remount,ro,bind', engine.root]);
      for (const service of services) {
        const ended = await serve(service);
        expectTold(ended, 1, engine.root);
        expect(ended.stderr).toMatch(/EROFS: read-only file system/);
      }
    } finally {
      execFileSync('umount', [engine.root]);
    }
  }, 180_000);

  test('after all of that nothing is lost', async () => {
    await engine.start();
    expect((await engine.docker(['ps', '-a', '--format', '{{.Names}}'])).stdout).toBe('kept\n');
    expect((await engine.docker(['network', 'ls', '--format', '{{.Name}}'])).stdout).toContain('own\n');
    expect((await engine.docker(['start', '-a', 'kept'])).code).toBe(0);
    expect((await engine.docker(['run', '--rm', '-v', 'data:/data', 'busybox', 'cat', '/data/f'])).stdout).toBe('mine\n');
    expect((await engine.docker(['diff', 'kept'])).stdout).toContain('A /g\n');
  }, 180_000);
});

describe('attack 55: a file system that becomes read-only', () => {
  const disk = smallDisk(join(tmpdir(), `gantry-e2e-${process.pid}-ro`), '200M', 'errors=remount-ro');
  const small = disk.path;
  beforeAll(() => disk.make());
  afterAll(() => disk.remove());

  testWith('loop device', canMakeDisks())(
    'what can be read is answered, what changes is refused by name, and all goes on once it is mended',
    async () => {
      const own = await startEngine('gantry', { separate: true, args: ['--root', small] });
      try {
        await loadBusybox(own);
        expect((await own.docker(['run', '-d', '--name', 'runs', 'busybox', 'sleep', '1000'])).code).toBe(0);
        const pids = own.pids('gantry-supervisor');
        execFileSync('sync', ['-f', small]);
        execFileSync('mount', ['-o', 'remount,abort', small], { stdio: 'ignore' });
        const refused = await own.docker(['create', '--name', 'refused', 'busybox']);
        expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/read-only file system|readonly database/i)]);
        expect((await own.docker(['volume', 'create', 'vol'])).stderr).toMatch(
          new RegExp(`${small}/images/metadata.db cannot be changed|EROFS`),
        );
        expect((await own.docker(['network', 'create', 'n'])).stderr).toMatch(
          new RegExp(`${small}/network/network.db cannot be changed|EROFS`),
        );
        expect((await own.docker(['ps', '--format', '{{.Names}}'])).stdout).toBe('runs\n');
        expect((await own.docker(['image', 'inspect', '-f', '{{.Os}}', 'busybox'])).stdout).toBe('linux\n');
        expect((await own.docker(['exec', 'runs', 'echo', 'lives'])).stdout).toBe('lives\n');
        expect(own.pids('gantry-supervisor')).toEqual(pids);
        await own.halt();
        // The container still holds the failed one; what was on its disk is mended as after a power cut.
        execFileSync(
          'sh',
          ['-c', `cp ${small}.img ${small}.mended; umount -l ${small}; e2fsck -fy ${small}.mended; mount -o loop ${small}.mended ${small}`],
          { stdio: 'ignore' },
        );
        await own.start();
        expect((await own.docker(['ps', '-a', '--format', '{{.Names}}'])).stdout).toBe('runs\n');
        expect((await own.docker(['run', '--rm', 'busybox', 'echo', 'goes on'])).stdout).toBe('goes on\n');
      } finally {
        await own.destroy();
      }
    },
    240_000,
  );
});
