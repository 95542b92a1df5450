import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, dockerTakes, projectRoot, testWith, until } from './harness';

/** What clients ask of the builder beside a build of a folder. */
describeEngine('ways to build', (suite) => {
  // Attestations, records and labels are those of a dockerd of today.
  const capable = (what: string, is: boolean) =>
    suite.kind === 'gantry' ? testWith(what, is) : testWith('a dockerd with the containerd image store', false);
  const buildx = capable('docker buildx', dockerTakes('--metadata-file', 'buildx', 'build'));
  const bakes = dockerTakes('--provenance', 'buildx', 'bake');
  const bake = capable('docker buildx bake', bakes);
  const compose = capable('docker compose with builds', bakes && dockerTakes('--wait', 'compose', 'up'));
  const history = capable('docker buildx history', dockerTakes('--format', 'buildx', 'history', 'ls'));

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(suite.engine.folder, 'ways-'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY a /a\nRUN cat /a /etc/hosts\n');
    writeFileSync(join(folder, 'a'), 'from the context\n');
  });
  const docker = (...args: Parameters<typeof suite.engine.docker>) => suite.engine.docker(...args);

  buildx('a context in a tar comes by standard input, plain and compressed', async () => {
    for (const flags of ['c', 'cz']) {
      const input = execFileSync('tar', ['-C', folder, `-${flags}`, '.']);
      const { code, stderr } = await docker(['build', '--no-cache', '--progress=plain', '-'], { input });
      expect([code, stderr]).toEqual([0, expect.stringContaining('from the context')]);
    }
  });

  buildx('host-gateway is an address that the client reads from the worker', async () => {
    const { code, stderr } = await docker(['build', '--no-cache', '--progress=plain', '--add-host', 'outside:host-gateway', folder]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/ [0-9.]+\s+outside\n/)]);
  });

  bake('bake takes a file, and provenance by its mode', async () => {
    const file = join(folder, 'bake.json');
    writeFileSync(file, JSON.stringify({ target: { default: { context: folder, tags: ['baked'] } } }));
    const made = await docker(['buildx', 'bake', '-f', file, '--provenance=mode=max', '--allow', `fs.read=${folder}`]);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('exporting')]);
    expect((await docker(['run', '--rm', 'baked', 'cat', '/a'])).stdout).toBe('from the context\n');
  });

  compose('the example is built by build, bake and compose, and answers', async () => {
    const place = join(projectRoot, 'examples/web');
    const page = async (container: string) => (await docker(['exec', container, 'wget', '-qO-', 'http://127.0.0.1:8080/'])).stdout;
    const run = async (image: string) => {
      const { stdout } = await docker(['run', '-d', '--rm', image]);
      const id = stdout.trim();
      await until('the page', async () => (await docker(['inspect', '-f', '{{.State.Health.Status}}', id])).stdout === 'healthy\n');
      const text = await page(id);
      await docker(['rm', '-f', id]);
      return text;
    };
    expect((await docker(['build', '-t', 'example', '--build-arg', 'WHO=you', place])).code).toBe(0);
    expect(await run('example')).toContain('Hello you, built 1 times');
    const bakefile = join(place, 'docker-bake.hcl');
    const baked = await docker(['buildx', 'bake', '-f', bakefile, '--set', `default.context=${place}`, '--allow', `fs.read=${place}`]);
    expect([baked.code, await run('example-web')]).toEqual([0, expect.stringContaining('Hello bake, built 2 times')]);
    const project = ['compose', '-p', 'web', '-f', join(place, 'compose.yaml')];
    try {
      expect((await docker([...project, 'up', '-d', '--build', '--wait'], { env: { ...process.env, PORT: '0' } })).code).toBe(0);
      expect(await page('web-web-1')).toContain('Hello compose, built 3 times');
    } finally {
      await docker([...project, 'down']);
    }
  });

  buildx('a scanner tells what is in the result, in the stages that ask for it, and in the context', async () => {
    const place = join(folder, 'scan');
    mkdirSync(place);
    const statement =
      '{"predicateType":"https://spdx.dev/Document","predicate":{"name":"\'$n\'","level":"\'$BUILDKIT_SCAN_LEVEL\'","files":"\'$(echo $(ls $s))\'"}}';
    const script = `for s in $BUILDKIT_SCAN_SOURCE $BUILDKIT_SCAN_SOURCE_EXTRAS/*; do n=$(basename $s); echo '${statement}' > $BUILDKIT_SCAN_DESTINATION/$n.spdx.json; done`;
    writeFileSync(join(place, 'scan.sh'), script);
    writeFileSync(join(place, 'Scanner'), 'FROM busybox\nCOPY scan.sh /\nCMD ["sh", "-e", "/scan.sh"]\n');
    const stages = [
      'ARG BUILDKIT_SBOM_SCAN_CONTEXT=true',
      'FROM busybox AS base',
      'ARG BUILDKIT_SBOM_SCAN_STAGE=true',
      'FROM scratch',
      'COPY scan.sh /c',
      '',
    ];
    writeFileSync(
      join(place, 'Dockerfile'),
      stages.join('\n').replace('FROM scratch', 'RUN touch /made\nFROM scratch\nCOPY --from=base /made /made'),
    );
    expect((await docker(['build', '-t', 'scanner', '-f', join(place, 'Scanner'), place])).code).toBe(0);
    const out = join(place, 'out');
    const made = await docker(['build', '--sbom=generator=scanner,LEVEL=3', '-o', out, place]);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('generating sbom using')]);
    const told = (name: string) => (JSON.parse(readFileSync(join(out, name), 'utf8')) as { predicate: unknown }).predicate;
    expect(told('sbom.spdx.json')).toEqual({ name: 'sbom', level: '3', files: 'c made' });
    expect(told('sbom-base.spdx.json')).toMatchObject({ name: 'sbom-base' });
    expect(told('sbom-context.spdx.json')).toEqual({ name: 'sbom-context', level: '3', files: 'scan.sh' });
  });

  history('a record leads to the image of each platform, and the classic builder has none', async () => {
    await docker(['build', '-t', 'recorded', folder]);
    await docker(['build', folder], { env: { ...process.env, DOCKER_BUILDKIT: '0' } });
    const { stdout } = await docker(['buildx', 'history', 'inspect', '--format', 'json']);
    const { Name: name, Attachments: attachments } = JSON.parse(stdout) as {
      Name: string;
      Attachments: { Type: string; Platform?: string }[];
    };
    expect(name).toBe(folder.split('/').at(-1));
    expect(attachments.map(({ Type: type, Platform: platform }) => [type, platform !== undefined])).toEqual([
      ['application/vnd.oci.image.index.v1+json', false],
      ['https://slsa.dev/provenance/v0.2', false],
      ['application/vnd.oci.image.manifest.v1+json', true],
    ]);
    const list = await docker(['buildx', 'history', 'ls', '--format', '{{.Name}}']);
    expect(list.stdout.split('\n').filter((each) => each === name)).toHaveLength(3);
  });
});
