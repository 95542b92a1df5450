import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, ended, hasProgram, pinnedNode, projectRoot, startRegistry, testWith, until, type Registry } from './harness';
import { CheckedClient } from './swagger/client';
import { loadSpecification, type Specification } from './swagger/specification';

/** Name and password as docker-registry's htpasswd has them. */
const user = 'alice';
const password = 's3cret-pass';
const htpasswd = `${user}:$2y$04$abcdefghijklmnopqrstuuaUNpTaGyHErb7YklXKRt/SEtSLxPST6\n`;

describeEngine('registries', (suite) => {
  const { ok } = suite;
  const registryTest = testWith('docker-registry', hasProgram('docker-registry'));
  let registry: Registry | undefined;
  let guarded: Registry | undefined;
  let web: ChildProcess | undefined;
  let config = '';
  const docker = (...args: string[]) => suite.engine.docker(['--config', config, ...args]);
  const dockerIn = (input: string, ...args: string[]) => suite.engine.docker(['--config', config, ...args], { input });

  beforeAll(async () => {
    const { engine } = suite;
    config = join(engine.folder, 'docker-config');
    mkdirSync(config);
    const www = join(engine.folder, 'www');
    mkdirSync(join(www, 'v1'), { recursive: true });
    writeFileSync(
      join(www, 'v1/search'),
      JSON.stringify({
        num_results: 2,
        query: 'app',
        results: [
          { name: 'team/app', description: 'ours', star_count: 7, is_official: false },
          { name: 'lib/app', description: 'theirs', star_count: 900, is_official: true },
        ],
      }),
    );
    writeFileSync(join(www, 'v1/_ping'), 'true');
    execFileSync('tar', ['-C', www, '-cf', join(engine.folder, 'www.tar'), 'v1']);
    execFileSync('mv', [join(engine.folder, 'www.tar'), www]);
    web = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, 'busybox', 'httpd', '-f', '-p', '127.0.0.1:8000', '-h', www], {
      stdio: 'ignore',
    });
    await until('the web server to listen', async () =>
      (await engine.onHost('busybox', ['nc', '-w', '1', '127.0.0.1', '8000'], { input: 'GET /v1/_ping HTTP/1.0\r\n\r\n' })).stdout.includes(
        '200 OK',
      ),
    );
    if (!hasProgram('docker-registry')) return;
    registry = await startRegistry(engine);
    guarded = await startRegistry(engine, 5001, { htpasswd });
  }, 180_000);
  afterAll(async () => {
    web?.kill();
    if (web !== undefined) await ended(web);
    await registry?.stop();
    await guarded?.stop();
  });

  registryTest('login, push, logout, pull: who is not logged in is refused, and nothing of the password lies about', async () => {
    const host = guarded?.name ?? '';
    const name = `${host}/team/app:1`;
    await ok('tag', 'busybox', name);
    expect((await docker('push', name)).stderr).toMatch(/no basic auth credentials/);
    const wrong = await dockerIn('wrong', 'login', '-u', user, '--password-stdin', host);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/login attempt to https?:\/\/127\.0\.0\.1:5001\/v2\/ failed with status: 401 Unauthorized/);
    expect((await dockerIn(password, 'login', '-u', user, '--password-stdin', host)).stdout).toContain('Login Succeeded');
    expect((await docker('push', name)).stdout).toMatch(/1: digest: sha256:[0-9a-f]{64} size: \d+/);
    await ok('rmi', name);
    expect((await docker('pull', name)).stdout).toContain(`Status: Downloaded newer image for ${name}`);
    await docker('logout', host);
    await ok('rmi', name);
    const refused = await docker('pull', name);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/no basic auth credentials/);
    const found = await suite.engine.onHost('grep', ['-rlF', password, suite.engine.root], { timeout: 60_000 });
    expect(found.stdout).toBe('');
  });

  registryTest('an image of two platforms: pull --platform, manifest inspect, push', async () => {
    const archive = join(suite.engine.folder, 'two.tar');
    for (const architecture of ['amd64', 'arm64']) {
      execFileSync(pinnedNode, [
        '--input-type=module',
        '-e',
        `import { makeImage } from ${JSON.stringify(join(projectRoot, 'tools/make-image.mjs'))}; await makeImage(${JSON.stringify({ out: archive, name: `two:${architecture}`, config: { Labels: { of: architecture } } })})`,
      ]);
      await ok('load', '-i', archive);
      await ok('tag', `two:${architecture}`, `${registry?.name ?? ''}/two:${architecture}`);
      await ok('push', `${registry?.name ?? ''}/two:${architecture}`);
      await ok('rmi', `two:${architecture}`, `${registry?.name ?? ''}/two:${architecture}`);
    }
    const name = `${registry?.name ?? ''}/two:all`;
    const digests = await Promise.all(
      ['amd64', 'arm64'].map(async (tag) => {
        const answer = await suite.engine.onHost('curl', [
          '-s',
          '-D',
          '-',
          '-o',
          '/dev/null',
          '-H',
          'Accept: application/vnd.docker.distribution.manifest.v2+json',
          `http://${registry?.name ?? ''}/v2/two/manifests/${tag}`,
        ]);
        const digest = /docker-content-digest: (\S+)/i.exec(answer.stdout)?.[1] ?? '';
        return {
          mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
          digest,
          size: Number(/content-length: (\d+)/i.exec(answer.stdout)?.[1]),
          platform: { os: 'linux', architecture: tag },
        };
      }),
    );
    const list = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      manifests: digests,
    });
    await suite.engine.onHost('curl', [
      '-s',
      '-X',
      'PUT',
      '-H',
      'Content-Type: application/vnd.docker.distribution.manifest.list.v2+json',
      '--data-binary',
      list,
      `http://${registry?.name ?? ''}/v2/two/manifests/all`,
    ]);
    for (const architecture of ['arm64', 'amd64']) {
      await ok('pull', '-q', '--platform', `linux/${architecture}`, name);
      expect(await ok('image', 'inspect', '-f', '{{.Config.Labels.of}}', name)).toBe(architecture);
    }
    expect((await docker('pull', '--platform', 'linux/s390x', name)).stderr).toMatch(
      /no matching manifest for linux\/s390x in the manifest list entries/,
    );
    await ok('rmi', name);
  });

  test('search at a registry with an index, filtered; at one without', async () => {
    // In the index's order by a current CLI, by their stars by Debian 12's.
    const found = await ok('search', '--format', '{{.Name}} {{.StarCount}}', '127.0.0.1:8000/app');
    expect(found.split('\n').sort()).toEqual(['lib/app 900', 'team/app 7']);
    expect(await ok('search', '--filter', 'is-official=true', '--format', '{{.Name}}', '127.0.0.1:8000/app')).toBe('lib/app');
    expect(await ok('search', '--filter', 'stars=1000', '--format', '{{.Name}}', '127.0.0.1:8000/app')).toBe('');
    expect((await docker('search', '127.0.0.1:1/app')).code).toBe(1);
  });

  test('import of a web address, with changes and a message', async () => {
    const id = (
      await ok('import', '-m', 'from the web', '-c', 'ENV A=1', '-c', 'CMD ["/v1/search"]', 'http://127.0.0.1:8000/www.tar', 'imported:1')
    )
      .split('\n')
      .at(-1);
    expect(await ok('image', 'inspect', '-f', '{{.Id}} {{.Comment}} {{json .Config.Env}} {{json .Config.Cmd}}', 'imported:1')).toBe(
      `${id ?? ''} from the web ["A=1"] ["/v1/search"]`,
    );
    expect((await docker('import', 'http://127.0.0.1:8000/none.tar')).code).toBe(1);
    await ok('rmi', 'imported:1');
  });

  const specification = loadSpecification('1.41');
  testWith(
    'docker-registry and engine-api-v1.41.yaml in the folder DOCKER_API_SPEC',
    hasProgram('docker-registry') && specification !== undefined,
  )('answers as the API description has them', async () => {
    const host = registry?.name ?? '';
    const client = new CheckedClient(suite.engine.socket, specification as Specification);
    const auth = {
      'X-Registry-Auth': Buffer.from(JSON.stringify({ username: user, password, serveraddress: guarded?.name })).toString('base64url'),
    };
    await ok('tag', 'busybox', `${host}/swagger:1`);
    await client.ask('POST', `/images/${host}/swagger/push?tag=1`, { headers: auth });
    await client.ask('GET', `/distribution/${host}/swagger:1/json`);
    await client.ask('GET', `/distribution/${host}/swagger:none/json`);
    await client.ask('GET', `/distribution/${guarded?.name ?? ''}/swagger:1/json`, { headers: auth });
    await client.ask('POST', '/auth', { body: { username: user, password, serveraddress: guarded?.name } });
    // Debian's dockerd answers 500, newer ones 401
    await client.ask('POST', '/auth', { body: { username: user, password: 'no', serveraddress: guarded?.name } });
    await client.ask('POST', `/images/create?fromImage=${encodeURIComponent(`${host}/swagger`)}&tag=1`, { headers: auth });
    await client.ask('POST', '/images/create?fromSrc=http%3A%2F%2F127.0.0.1%3A8000%2Fwww.tar&repo=swaggered&message=m&changes=ENV%20A%3D1');
    await client.ask('GET', '/images/search?term=127.0.0.1%3A8000%2Fapp&limit=5');
    expect(client.problems).toEqual([]);
    expect(client.refused.map((line) => line.slice(0, line.indexOf(' /')))).toEqual([
      '404 GET',
      '404 GET',
      suite.engine.kind === 'dockerd' ? '500 POST' : '401 POST',
    ]);
    await ok('rmi', `${host}/swagger:1`, 'swaggered');
    expect(readFileSync(suite.engine.log, 'utf8')).not.toContain(password);
  });
});
