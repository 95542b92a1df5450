import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, hasProgram, loadBusybox, startEngine, testWith, type Engine } from './harness';

/** `ctr snapshots`, all of it, on the engine's containerd socket. */
describe('ctr snapshots', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);

  const ctrTest = testWith('ctr', hasProgram('ctr'));
  for (const snapshotter of ['overlayfs', 'copy', 'native']) {
    ctrTest(
      `every command, with ${snapshotter}`,
      async () => {
        const ctr = async (...args: string[]): Promise<string> => {
          const result = await command('ctr', [
            '-a',
            `${engine.run}/supervisor.sock`,
            '-n',
            'gantry',
            'snapshots',
            '--snapshotter',
            snapshotter,
            ...args,
          ]);
          if (result.code !== 0) throw new Error(`ctr snapshots ${args.join(' ')}: ${result.stderr}`);
          return result.stdout;
        };
        const target =
          (await command('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'gantry', 'images', 'ls'])).stdout.match(
            /busybox:latest\s+\S+\s+(sha256:[0-9a-f]{64})/,
          )?.[1] ?? '';
        const place = join(engine.folder, `at-${snapshotter}`);
        mkdirSync(place);
        /** Mounts as ctr says to, changes the tree, unmounts. */
        const change = (mountCommand: string, script: string): void => {
          execFileSync('sh', ['-c', `${mountCommand}\n cd ${place} && { ${script}; }; rc=$?; cd /; umount ${place}; exit $rc`]);
        };

        await ctr('unpack', target); // ctr's own way: into the default snapshotter, whatever --snapshotter says
        const ran = await command('ctr', [
          '-a',
          `${engine.run}/supervisor.sock`,
          '-n',
          'gantry',
          'run',
          '--rm',
          '--snapshotter',
          snapshotter,
          'docker.io/library/busybox:latest',
          `on-${snapshotter}`,
          'echo',
          'ran',
        ]);
        expect(ran).toMatchObject({ code: 0, stdout: 'ran\n' });
        const chain = (await ctr('ls')).match(/^(sha256:[0-9a-f]{64})\s+Committed/m)?.[1] ?? '';
        expect(chain).not.toBe('');
        change(await ctr('prepare', '--target', place, 'work', chain), 'echo new > new && rm bin/wget && ln -s new link');
        expect(await ctr('mounts', place, 'work')).toContain(snapshotter === 'overlayfs' ? 'overlay' : 'rbind');
        expect(await ctr('ls')).toMatch(new RegExp(`^work\\s+${chain}\\s+Active`, 'm'));
        expect(JSON.parse(await ctr('info', 'work'))).toMatchObject({ Kind: 'Active', Name: 'work', Parent: chain });
        expect(await ctr('usage', 'work')).toMatch(/^work\s+[\d.]+ [KMi]*B\s+\d+/m);

        const layer = join(engine.folder, `${snapshotter}.tar.gz`);
        writeFileSync(
          layer,
          execFileSync(
            'ctr',
            ['-a', `${engine.run}/supervisor.sock`, '-n', 'gantry', 'snapshots', '--snapshotter', snapshotter, 'diff', 'work'],
            { maxBuffer: 1 << 26 },
          ),
        );
        const names = execFileSync('tar', ['-tf', layer]).toString().split('\n');
        for (const name of ['new', 'link', 'bin/.wh.wget']) expect(names.map((each) => each.replace(/^\.?\//, ''))).toContain(name);
        expect(names.length).toBeLessThan(10);

        await ctr('label', 'work', 'colour=red');
        expect(JSON.parse(await ctr('info', 'work'))).toMatchObject({ Labels: { colour: 'red' } });
        await ctr('commit', 'done', 'work');
        expect(JSON.parse(await ctr('info', 'done'))).toMatchObject({ Kind: 'Committed', Parent: chain });
        expect(await ctr('tree')).toMatch(new RegExp(`${chain}\\n.*done`));
        change(await ctr('view', '--target', place, 'look', 'done'), 'cp new ../seen && ! test -e bin/wget && ! touch no 2>/dev/null');
        expect(readFileSync(join(engine.folder, 'seen'), 'utf8')).toBe('new\n');
        await expect(ctr('rm', 'done')).rejects.toThrow(/has children/);
        await ctr('rm', 'look', 'done');
        expect(await ctr('ls')).not.toMatch(/look|done|work/);
      },
      180_000,
    );
  }
});
