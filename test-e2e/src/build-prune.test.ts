import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buildByApi } from './builds/by-api';
import { bundles, command, describeEngine, pinnedNode } from './harness';

/** Builds beside a prune: 20 in `tools/test --all`, fewer in the everyday run. */
const rounds = process.env['GANTRY_TEST_ALL'] ? 20 : 6;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

if (process.env['GANTRY_E2E_PEER'] !== 'only')
  describeEngine('builds beside a prune of everything', (suite) => {
    const rootfs = () => join(suite.engine.folder, 'rootfs.tar');
    beforeAll(() => {
      const folder = join(suite.engine.folder, 'rootfs/bin');
      mkdirSync(folder, { recursive: true });
      cpSync('/bin/busybox', join(folder, 'busybox'));
      for (const name of ['sh', 'cat', 'sleep', 'mkdir']) symlinkSync('busybox', join(folder, name));
      execFileSync('tar', ['-C', join(folder, '..'), '-cf', rootfs(), '.']);
    });
    const file = (round: number): string =>
      `FROM base:${round}\nCOPY a /a\nRUN sleep 0.3; cat /a > /b\nFROM base:${round} AS two\nRUN sleep 0.2; echo two > /two\nFROM base:${round}\n` +
      `COPY --from=0 /b /b\nCOPY --from=two /two /two\nRUN cat /b /two\nCMD ["cat", "/b", "/two"]\n`;
    const build = (round: number) => buildByApi(suite.engine, file(round), { query: { t: 'pruned' }, files: { a: `${round}\n` } });
    // Another image each time, of which only its name is left to hold it.
    const newBase = (round: number) => suite.ok('import', '-c', `ENV ROUND=${round}`, rootfs(), `base:${round}`);
    const prune = () => suite.ok('system', 'prune', '-af', '--volumes');

    test(
      `${rounds} times: what has found its base is never left without it, at whatever moment all is pruned`,
      async () => {
        await suite.ok('rmi', '-f', 'busybox');
        let built = 0;
        for (let round = 0; round < rounds; round++) {
          await newBase(round);
          const building = build(round);
          await sleep(Math.random() * 1500);
          const pruned = prune();
          const { told, error } = await building;
          await pruned;
          // Before the base was found there is nothing to keep: then the registry is asked, of which there is none.
          if (error !== '' && !/^Step \d+\/\d+ : (?:COPY|RUN)/m.test(told)) continue;
          expect([round, error, told]).toEqual([round, '', expect.stringContaining('Successfully built')]);
          built++;
        }
        expect(built).toBeGreaterThan(0);
      },
      60_000 + rounds * 20_000,
    );

    test('what a build made beside a prune runs, and the store is right', async () => {
      await newBase(rounds);
      const building = build(rounds);
      await sleep(400);
      await prune();
      const { error } = await building;
      if (error === '') expect(await suite.ok('run', '--rm', 'pruned')).toBe(`${rounds}\ntwo`);
      const { engine } = suite;
      const check = await command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', engine.root, '--run', engine.run]);
      expect(check).toMatchObject({ code: 0 });
    }, 120_000);
  });
