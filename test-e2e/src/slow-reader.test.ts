import { readFileSync } from 'node:fs';
import { describeEngine, until } from './harness';

const LINES = 600_000;
const count = ['seq', '1', String(LINES)];
const whole = (text: string): boolean => text.length === counted.length && text === counted;
const counted = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join('');
const long = process.env['GANTRY_TEST_ALL'] === '1' ? test : test.skip;

/** A docker client that does not read holds its container up and loses nothing, as dockerd's does. */
describeEngine('clients that read slowly', (suite) => {
  const { ok } = suite;
  const running = (name: string) => ok('inspect', '-f', '{{.State.Running}}', name);

  test('a client that stops reading for a while holds the container up and gets every line; so does the log', async () => {
    const client = suite.engine.dockerSpawn(['run', '--name', 'held', 'busybox', ...count]);
    const closed = new Promise<number>((resolve) => client.on('close', (code) => resolve(code ?? -1)));
    await until(
      'the container to run',
      async () => (await suite.docker(['inspect', '-f', '{{.State.Running}}', 'held'])).stdout === 'true\n',
    );
    await new Promise((resolve) => setTimeout(resolve, 2000)); // nobody reads the client's output
    expect(await running('held')).toBe('true');
    let text = '';
    client.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    expect(await closed).toBe(0);
    expect(whole(text)).toBe(true);
    expect(whole((await suite.docker(['logs', 'held'])).stdout)).toBe(true);
    await ok('rm', 'held');
  }, 180_000);

  long(
    'a client that is stuck for 30 s is dropped and named in the log, and the container goes on [needs --all]',
    async () => {
      if (suite.engine.kind !== 'gantry') return; // dockerd waits for ever
      const client = suite.engine.dockerSpawn(['run', '--name', 'stuck', 'busybox', ...count]);
      await until(
        'the container to end',
        async () => (await suite.docker(['inspect', '-f', '{{.State.Status}}', 'stuck'])).stdout === 'exited\n',
        60_000,
      );
      expect(whole((await suite.docker(['logs', 'stuck'])).stdout)).toBe(true);
      const id = await ok('inspect', '-f', '{{.Id}}', 'stuck');
      expect(readFileSync(suite.engine.log, 'utf8')).toContain(
        `dropped a client attached to ${id}: it held the output up and read nothing for 30000 ms`,
      );
      client.kill('SIGKILL');
      await ok('rm', 'stuck');
    },
    120_000,
  );
});
