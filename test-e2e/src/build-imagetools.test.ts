import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, dockerTakes, hasProgram, type Registry, startRegistry, testWith } from './harness';

interface Index {
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: { readonly os: string; readonly architecture: string };
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** What a build has pushed, as buildx reads it from the registry and puts it together anew. */
describeEngine('images of builds in a registry', (suite) => {
  const able = dockerTakes('--annotation', 'buildx', 'imagetools', 'create') && hasProgram('docker-registry');
  const imagetools =
    suite.kind === 'gantry'
      ? testWith('docker buildx imagetools and docker-registry', able)
      : testWith('a dockerd with the containerd image store', false);

  let registry: Registry | undefined;
  let folder: string;
  beforeAll(async () => {
    if (!able) return;
    registry = await startRegistry(suite.engine);
    folder = mkdtempSync(join(suite.engine.folder, 'imagetools-'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY a /a\n');
    writeFileSync(join(folder, 'a'), 'a\n');
  }, 60_000);
  afterAll(() => registry?.stop());

  /** The client itself speaks with the registry: it runs where that is. */
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await suite.engine.onHost('docker', ['-H', `unix://${suite.engine.socket}`, ...args]);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  };
  const raw = async (image: string): Promise<Index> => JSON.parse(await ok('buildx', 'imagetools', 'inspect', '--raw', image)) as Index;
  const platforms = ({ manifests }: Index): string[] => manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`);

  imagetools(
    'inspect shows platforms and what each was made of; create tags, appends and annotates',
    async () => {
      const name = `${registry?.name}/made`;
      const both = ['--platform', 'linux/amd64,linux/arm64', '--provenance=mode=max'];
      await ok('buildx', 'build', '--push', ...both, '-t', `${name}:both`, folder);
      const index = await raw(`${name}:both`);
      expect(index.mediaType).toBe('application/vnd.oci.image.index.v1+json');
      expect(platforms(index)).toEqual(['linux/amd64', 'linux/arm64', 'unknown/unknown', 'unknown/unknown']);
      expect(index.manifests.map(({ annotations }) => annotations?.['vnd.docker.reference.digest'])).toEqual([
        undefined,
        undefined,
        index.manifests[0]?.digest,
        index.manifests[1]?.digest,
      ]);
      const told = JSON.parse(await ok('buildx', 'imagetools', 'inspect', `${name}:both`, '--format', '{{json .Provenance}}')) as object;
      expect(Object.keys(told).sort()).toEqual(['linux/amd64', 'linux/arm64']);
      const image = await ok(
        'buildx',
        'imagetools',
        'inspect',
        `${name}:both`,
        '--format',
        '{{(index .Image "linux/arm64").Architecture}}',
      );
      expect(image.trim()).toBe('arm64');

      await ok('buildx', 'build', '--push', '--provenance=false', '--platform', 'linux/riscv64', '-t', `${name}:third`, folder);
      const tags = ['-t', `${name}:one`, '-t', `${name}:two`];
      await ok('buildx', 'imagetools', 'create', '--annotation', 'index:who=me', ...tags, `${name}:both`);
      expect(await raw(`${name}:one`)).toEqual({ ...index, annotations: { who: 'me' } });
      expect(await raw(`${name}:two`)).toEqual(await raw(`${name}:one`));
      await ok('buildx', 'imagetools', 'create', '--append', '-t', `${name}:one`, `${name}:third`);
      expect(platforms(await raw(`${name}:one`))).toEqual([...platforms(index), 'linux/riscv64']);
      await expect(ok('buildx', 'imagetools', 'inspect', `${name}:none`)).rejects.toThrow('not found');

      // What was put together is an image to the engine.
      await ok('pull', '--platform', 'linux/arm64', `${name}:one`);
      expect((await ok('image', 'inspect', '--platform', 'linux/arm64', '--format', '{{.Architecture}}', `${name}:one`)).trim()).toBe(
        'arm64',
      );
    },
    240_000,
  );
});
