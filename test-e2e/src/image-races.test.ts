import { request } from 'node:http';
import { join } from 'node:path';
import { bundles, command, describeEngine, hasProgram, loadBusybox, pinnedNode, testWith, type Suite } from './harness';

/** How long the races run, and until each side has won once: seconds every day, minutes with GANTRY_TEST_ALL=1. */
const RACE_MS = process.env['GANTRY_TEST_ALL'] ? 180_000 : 8000;

/** Answers of losing a race that are right: the image, container or name is just not there, or in use. */
const LOST =
  /no such image|no such container|not found|conflict|is being used|already in use|unable to delete|is not running|removal of container|unable to find image|pull access denied|network|dial|lookup|marked for removal|image operation is cancelled/i;

/** GET of the API as JSON. */
function getJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString()) as T));
    })
      .on('error', reject)
      .end();
  });
}

/** What `gantry-images check` prints about the engine's store. */
const check = async (suite: Suite) =>
  command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', suite.engine.root, '--run', suite.engine.run], {
    timeout: 60_000,
  });

describeEngine('images under everybody’s hands', (suite) => {
  const docker = (...args: string[]) => suite.docker(args, { timeout: 60_000 });

  test(
    'rmi, prune and garbage collection against create, run and commit: no container loses its root file system',
    async () => {
      await suite.ok(
        'run',
        '--name',
        'make',
        'busybox',
        'sh',
        '-c',
        'mkdir /data && for i in 1 2 3 4 5 6 7 8; do echo marker > /data/$i; done',
      );
      await suite.ok('commit', 'make', 'race:1');
      await suite.ok('rm', 'make');
      const archive = join(suite.engine.folder, 'race.tar');
      await suite.ok('save', '-o', archive, 'race:1');
      await suite.ok('run', '-d', '--name', 'stays', 'race:1', 'sleep', '3600');
      await suite.ok('create', '--name', 'waits', 'race:1', 'cat', '/data/8');

      const wrong: string[] = [];
      const done = { runs: 0, commits: 0, removals: 0, loads: 0 };
      const until = Date.now() + RACE_MS;
      const loop = async (step: (round: number) => Promise<void>): Promise<void> => {
        for (let round = 0; Date.now() < until || (wrong.length === 0 && Object.values(done).includes(0)); round++) await step(round);
      };
      const judge = (
        what: string,
        { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
        counted: keyof typeof done,
        right: (out: string) => boolean = () => true,
      ): void => {
        if (code === 0 && right(stdout)) done[counted]++;
        else if (code === 0 || !LOST.test(stderr)) wrong.push(`${what}: ${code} ${stdout}${stderr}`);
      };
      await Promise.all([
        loop(async () =>
          judge(
            'run',
            await docker('run', '--rm', '--pull', 'never', 'race:1', 'cat', '/data/1', '/data/8'),
            'runs',
            (out) => out === 'marker\nmarker\n',
          ),
        ),
        loop(async (round) => {
          judge('commit', await docker('commit', '--pause=false', 'stays', `made:${round}`), 'commits');
          judge(
            'run of a commit',
            await docker('run', '--rm', '--pull', 'never', `made:${round}`, 'cat', '/data/3'),
            'runs',
            (out) => out === 'marker\n',
          );
          judge('rmi of a commit', await docker('rmi', '-f', `made:${round}`), 'removals');
        }),
        loop(async (round) => judge('rmi', await docker('rmi', ...(round % 2 === 0 ? ['-f'] : []), 'race:1'), 'removals')),
        loop(async () => judge('prune', await docker('image', 'prune', '-a', '-f'), 'removals')),
        loop(async () => judge('load', await docker('load', '-q', '-i', archive), 'loads')),
        loop(async () => judge('exec', await docker('exec', 'stays', 'cat', '/data/1', '/data/5', '/bin/busybox'), 'runs')),
      ]);
      expect(wrong).toEqual([]);
      expect(await suite.ok('exec', 'stays', 'cat', '/data/8')).toBe('marker');
      expect(await suite.ok('start', '-a', 'waits')).toBe('marker');
      await suite.ok('rm', '-f', 'stays', 'waits');
      if (suite.engine.kind === 'gantry')
        expect(await check(suite)).toMatchObject({ code: 0, stdout: expect.stringContaining(': 0 findings') as string });
    },
    RACE_MS + 300_000,
  );

  testWith('du', hasProgram('du'))(
    'system df adds up to what du says',
    async () => {
      if (suite.engine.kind !== 'gantry') return; // where dockerd keeps what is its own business
      await loadBusybox(suite.engine);
      await suite.docker(['load', '-q', '-i', join(suite.engine.folder, 'race.tar')]);
      await suite.ok(
        'run',
        '-d',
        '--name',
        'writes',
        '-v',
        'kept:/v',
        'race:1',
        'sh',
        '-c',
        'dd if=/dev/zero of=/big bs=1M count=9 && dd if=/dev/zero of=/v/big bs=1M count=5 && sync && touch /tmp/written && sleep 3600',
      );
      for (let tries = 0; tries < 100 && (await docker('exec', 'writes', 'ls', '/tmp/written')).code !== 0; tries++);
      interface Usage {
        readonly LayersSize: number;
        readonly Images: readonly { readonly Size: number; readonly SharedSize: number }[];
        readonly Containers: readonly { readonly SizeRw?: number }[];
        readonly Volumes: readonly { readonly UsageData: { readonly Size: number } }[];
      }
      const { LayersSize, Images, Containers, Volumes } = await getJson<Usage>(suite.engine.socket, '/v1.44/system/df');
      const told =
        LayersSize +
        Containers.reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0) +
        Volumes.reduce((sum, { UsageData }) => sum + UsageData.Size, 0);
      const store = join(suite.engine.root, 'images');
      const { stdout } = await command('du', [
        '-s',
        '--block-size=1',
        '--apparent-size',
        join(store, 'snapshots'),
        join(store, 'content/blobs'),
        join(suite.engine.root, 'volumes'),
      ]);
      const used = stdout
        .trim()
        .split('\n')
        .reduce((sum, line) => sum + Number(line.split('\t')[0]), 0);
      // Two images are on the same base: all of each, less what one of the two shares, is what images take.
      const shared = Images.map(({ SharedSize }) => SharedSize).filter((size) => size > 0);
      expect(shared).toEqual([shared[0], shared[0]]);
      expect(Images.reduce((sum, { Size }) => sum + Size, -(shared[0] ?? 0))).toBe(LayersSize);
      // Directories take a block each, and are no bytes of anybody's.
      expect(Math.abs(used - told) / used).toBeLessThan(0.05);
      await suite.ok('rm', '-f', 'writes');
      await suite.ok('volume', 'rm', 'kept');
    },
    120_000,
  );
});
