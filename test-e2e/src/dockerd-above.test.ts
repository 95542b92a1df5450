import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  command,
  type DockerdAbove,
  type Engine,
  hasProgram,
  missingOfDockerd,
  pinnedNode,
  projectRoot,
  type Registry,
  startDockerdAbove,
  startEngine,
  startRegistry,
} from './harness';

const missing = [missingOfDockerd(), hasProgram('docker-registry') ? '' : 'docker-registry'].filter((one) => one !== '').join(', ');
const able = missing === '';
if (!able) process.stderr.write(`SKIP: dockerd on our supervisor is not tested: it needs ${missing}\n`);

/** dockerd with the containerd image store, our supervisor in containerd's place: `dockerd --containerd <run>/supervisor.sock`. */
(able ? describe : describe.skip)(`dockerd on our supervisor [needs ${missing || 'nothing more'}]`, () => {
  let engine: Engine;
  let registry: Registry;
  let dockerd: DockerdAbove;
  let image = '';
  beforeAll(async () => {
    engine = await startEngine();
    registry = await startRegistry(engine);
    dockerd = await startDockerdAbove(engine);
    image = `${registry.name}/box:1`;
    const archive = join(engine.folder, 'busybox.tar');
    await command(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive]);
    await dockerd.ok('load', '-i', archive);
  }, 240_000);
  afterAll(async () => {
    await dockerd?.destroy();
    await registry?.stop();
    await engine?.destroy();
  }, 240_000);

  /** What the RUN of a build saw of its cache mount, after `step` was changed. */
  const build = async (step: string): Promise<string> => {
    const context = join(dockerd.folder, 'context');
    mkdirSync(context, { recursive: true });
    writeFileSync(
      join(context, 'Dockerfile'),
      [
        `FROM ${image}`,
        'ARG STEP',
        'RUN --mount=type=cache,target=/cache echo "$STEP" >>/cache/steps; cat /cache/steps >/steps',
        'COPY Dockerfile /here',
        'CMD ["cat", "/steps"]',
        '',
      ].join('\n'),
    );
    await dockerd.ok('build', '--progress=plain', '--build-arg', `STEP=${step}`, '-t', `${registry.name}/built:${step}`, context);
    return dockerd.ok('run', '--rm', `${registry.name}/built:${step}`);
  };

  test('pushes and pulls', async () => {
    await dockerd.ok('tag', 'busybox:latest', image);
    await dockerd.ok('push', image);
    const id = await dockerd.ok('image', 'inspect', '-f', '{{.Id}}', image);
    await dockerd.ok('rmi', '-f', 'busybox:latest', image);
    expect(await dockerd.ok('image', 'ls', '-q')).toBe('');
    expect(await dockerd.ok('pull', image)).toContain(`Status: Downloaded newer image for ${image}`);
    expect(await dockerd.ok('image', 'inspect', '-f', '{{.Id}}', image)).toBe(id);
  }, 120_000);

  test('runs: output, exit codes, what cannot run, exec, a stop', async () => {
    expect(await dockerd.docker('run', '--rm', image, 'sh', '-c', 'echo out; echo err >&2; exit 42')).toEqual({
      code: 42,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const none = await dockerd.docker('run', '--rm', image, 'nosuch');
    expect(none.code).toBe(127);
    expect(none.stderr).toContain(
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ',
    );
    expect(none.stderr).not.toMatch(/InvalidArgument|rpc error/);
    expect((await dockerd.docker('run', '--rm', image, '/etc')).code).toBe(126);

    const script = 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done';
    const id = await dockerd.ok('run', '-d', image, 'sh', '-c', script);
    expect(await dockerd.docker('exec', id, 'sh', '-c', 'echo inside; exit 5')).toMatchObject({ code: 5, stdout: 'inside\n' });
    const refused = await dockerd.docker('exec', id, 'nosuch');
    expect(refused.code).toBe(127);
    expect(`${refused.stdout}${refused.stderr}`.match(/unable to start container process/g)).toHaveLength(1);
    expect(await dockerd.ok('exec', '-t', id, 'tty')).toContain('/dev/pts/');
    await dockerd.ok('stop', id);
    expect(await dockerd.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', id)).toBe('exited 3');
    expect(await dockerd.ok('logs', id)).toBe('up');
    await dockerd.ok('rm', id);
  }, 120_000);

  test('builds with a cache mount that later builds find again, and pushes what was built', async () => {
    expect(await build('one')).toBe('one');
    expect(await build('two')).toBe('one\ntwo');
    expect(await dockerd.ok('push', `${registry.name}/built:two`)).toMatch(/two: digest: sha256:[0-9a-f]{64}/);
  }, 240_000);

  test('prunes all of it', async () => {
    await dockerd.ok('builder', 'prune', '-af');
    await dockerd.ok('system', 'prune', '-af', '--volumes');
    expect(await dockerd.ok('image', 'ls', '-aq')).toBe('');
    expect(await dockerd.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')).toBe(
      'Images 0\nContainers 0\nLocal Volumes 0\nBuild Cache 0',
    );
  }, 120_000);
});
