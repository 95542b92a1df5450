/** Attacks of docs/attacks.md on the builder of a whole engine, over the Engine API. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildByApi } from './builds/by-api';
import { callApi, describeEngine } from './harness';

describeEngine('attacks on builds', (suite) => {
  const cached = /Using cache|CACHED/;

  test('38: an image that pretends to be the outcome of a step is none, loaded or named as a cache', async () => {
    await suite.ok('run', '--name', 'poison', 'busybox', 'sh', '-c', 'echo poisoned > /f');
    // The same configuration and the same words of history as the step has.
    await suite.ok('commit', '-m', 'RUN echo good > /f', '-c', 'CMD ["cat", "/f"]', 'poison', 'poison:1');
    const file = 'FROM busybox\nRUN echo good > /f\nCMD ["cat", "/f"]\n';
    for (const query of [{ t: 'made' }, { t: 'made', cachefrom: JSON.stringify(['poison:1']) }]) {
      await callApi(suite.engine, 'POST', '/build/prune?all=1');
      const { error, told } = await buildByApi(suite.engine, file, { query });
      expect([error, cached.test(told)]).toEqual(['', false]);
      expect(await suite.ok('run', '--rm', 'made')).toBe('good');
    }
  }, 180_000);

  test('38: steps that differ in anything of the configuration are not one step', async () => {
    const builds = [
      'HEALTHCHECK CMD true',
      'HEALTHCHECK CMD false',
      'HEALTHCHECK NONE',
      'ONBUILD RUN true',
      'ONBUILD RUN false',
      'STOPSIGNAL 9',
      'SHELL ["sh", "-c"]',
    ];
    for (const instruction of builds) {
      const { error, told } = await buildByApi(suite.engine, `FROM busybox\n${instruction}\n`, { query: { t: 'differs' } });
      expect([instruction, error, cached.test(told)]).toEqual([instruction, '', false]);
    }
    expect(await suite.ok('image', 'inspect', '-f', '{{json .Config.Healthcheck}} {{json .Config.StopSignal}}', 'differs')).toBe('null ""');
  }, 180_000);

  test('44: parameters that are none are refused by name, and the engine lives', async () => {
    for (const query of [
      'buildargs={',
      'buildargs=[1]',
      'labels=x',
      'cachefrom=1',
      'memory=many',
      'shmsize=-x',
      'ulimits=[{]',
      'platform=a/b/c/d/e',
      'version=9',
      'outputs=nothing',
      'networkmode=%00',
      'dockerfile=..%2f..%2f..%2fetc%2fpasswd',
      'target=%0a',
    ]) {
      const { status, body } = await callApi(suite.engine, 'POST', `/build?${query}`, Buffer.alloc(1024));
      expect([query, status >= 400 || body.includes('"error"'), status < 502]).toEqual([query, true, true]);
      expect(body).not.toContain('root:');
    }
    for (const bytes of [Buffer.from('no tar at all'), Buffer.alloc(0), Buffer.alloc(512, 0xff)]) {
      const { status, body } = await callApi(suite.engine, 'POST', '/build', bytes);
      expect(status >= 400 || body.includes('"error"')).toBe(true);
    }
    expect((await buildByApi(suite.engine, 'FROM busybox\nRUN true\n')).error).toBe('');
  }, 180_000);

  test('43: a remote context is an address, and never an option or a command of git', async () => {
    const marker = join(suite.engine.folder, 'marker');
    for (const remote of [
      `--upload-pack=touch ${marker}`,
      `git://--upload-pack=touch%20${marker}/x.git`,
      `ssh://-oProxyCommand=touch%20${marker}/x.git`,
      `ext::sh -c touch% ${marker}`,
      `https://127.0.0.1:1/x.git#:../../../../etc`,
      `file://${suite.engine.folder}/x.git`,
    ]) {
      const { status, body } = await callApi(suite.engine, 'POST', `/build?remote=${encodeURIComponent(remote)}`);
      expect([remote, status >= 400 || body.includes('"error"')]).toEqual([remote, true]);
    }
    expect(await suite.engine.onHost('ls', [marker])).toMatchObject({ code: expect.not.stringMatching(/^0$/) as number, stdout: '' });
  }, 180_000);

  test('42: a link in the context, in an archive or in the image leads to nothing of the host', async () => {
    const outside = mkdtempSync(join(suite.engine.folder, 'outside-'));
    writeFileSync(join(outside, 'secret'), 'of the host');
    const file = `FROM busybox AS links\nRUN ln -s ${outside} /out && ln -s ../../../../../../../..${outside} /up\nFROM busybox\n`;
    for (const copy of ['/out/secret', '/up/secret']) {
      const { error } = await buildByApi(suite.engine, `${file}COPY --from=links ${copy} /got\n`);
      expect([copy, error]).toEqual([copy, expect.stringMatching(/not found|no such file/i)]);
    }
    const { error } = await buildByApi(
      suite.engine,
      `FROM busybox\nRUN ln -s ${outside} /out\nCOPY a /out/a\nRUN mkdir -p /out/b && echo x > /out/b/c\n`,
      { files: { a: 'a' } },
    );
    expect(error).toBe('');
    expect((await suite.engine.onHost('ls', [outside])).stdout).toBe('secret\n');
  }, 180_000);
});
