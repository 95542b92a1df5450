import { describeEngine } from './harness';

/** 1,000 runs from 4 clients in `tools/test --all`, fewer in the everyday run. */
const total = process.env['GANTRY_TEST_ALL'] ? 1000 : 120;

describeEngine('many runs', (suite) => {
  test(
    `${total} times run --rm echo from 4 clients: output and exit code right every time`,
    async () => {
      let next = 0;
      const wrong: string[] = [];
      const client = async (): Promise<void> => {
        for (let i = next++; i < total; i = next++) {
          const result = await suite.docker(['run', '--rm', 'busybox', 'sh', '-c', `echo x${i}; exit ${i % 5}`]);
          if (result.code !== i % 5 || result.stdout !== `x${i}\n` || result.stderr !== '') wrong.push(`${i}: ${JSON.stringify(result)}`);
        }
      };
      await Promise.all(Array.from({ length: 4 }, client));
      expect(wrong).toEqual([]);
    },
    total * 2000,
  );

  test('40 starts at once', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, () => suite.ok('run', '-d', 'busybox', 'sleep', '600')));
    expect(new Set(ids).size).toBe(40);
    expect((await suite.ok('ps', '-q')).split('\n')).toHaveLength(40);
    await suite.ok('rm', '-f', ...ids);
  }, 120_000);
});
