import { mkdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, dockerTakes, hasProgram, manyPlatforms, startEngine, startRegistry, testWith, type Engine, succeeding } from './harness';

describe('images of several platforms, by the docker CLI', () => {
  const folder = join(tmpdir(), `gantry-e2e-${process.pid}-platforms`);
  beforeAll(() => mkdirSync(folder));
  let engine: Engine;
  let archive: string;
  beforeAll(async () => {
    archive = await manyPlatforms(folder);
    engine = await startEngine();
  }, 180_000);
  afterAll(async () => {
    await engine.destroy();
    rmSync(folder, { recursive: true });
  }, 180_000);
  const ok = succeeding((args) => engine.docker(args));
  const platforms = async (): Promise<string[]> => {
    const body = await new Promise<string>((resolve, reject) => {
      request({ socketPath: engine.socket, path: '/v1.51/images/json?manifests=1' }, (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (part: string) => (text += part))
          .on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    interface Summary {
      readonly Manifests: readonly {
        readonly Available: boolean;
        readonly Kind: string;
        readonly Size: { readonly Total: number; readonly Content: number };
        readonly ImageData: { readonly Platform: { readonly architecture: string }; readonly Size: { readonly Unpacked: number } };
      }[];
    }
    const [image] = JSON.parse(body) as Summary[];
    for (const { Available, Kind, Size, ImageData } of image?.Manifests ?? [])
      if (Available) expect([Kind, Size.Total]).toEqual(['image', Size.Content + ImageData.Size.Unpacked]);
    return (image?.Manifests ?? []).filter(({ Available }) => Available).map(({ ImageData }) => ImageData.Platform.architecture);
  };

  testWith('a docker CLI with image ls --tree', dockerTakes('--tree', 'image', 'ls'))(
    'load, ls --tree, inspect, history, save and rm of a platform',
    async () => {
      expect(await ok('load', '-i', archive)).toBe('Loaded image: many:1');
      expect(await platforms()).toEqual(['amd64', 'arm64', 'riscv64']);
      expect(await ok('image', 'ls', '--tree')).toMatch(/linux\/riscv64/);
      for (const architecture of ['amd64', 'arm64', 'riscv64']) {
        expect(
          await ok('image', 'inspect', '--platform', `linux/${architecture}`, '-f', '{{.Architecture}} {{.Config.Cmd}}', 'many:1'),
        ).toBe(`${architecture} [${architecture}]`);
        expect(await ok('history', '--platform', `linux/${architecture}`, '--format', '{{.CreatedBy}}', 'many:1')).toBe(
          `for ${architecture}`,
        );
      }
      const one = join(folder, 'one.tar');
      await ok('save', '--platform', 'linux/riscv64', '-o', one, 'many:1');
      expect((await command('tar', ['-xOf', one, 'manifest.json'])).stdout).toContain('many:1');

      expect(await ok('rmi', '--force', '--platform', 'linux/arm64', 'many:1')).toMatch(/^Deleted: sha256:[0-9a-f]{64}$/);
      expect(await platforms()).toEqual(['amd64', 'riscv64']);
      expect((await engine.docker(['image', 'inspect', '--platform', 'linux/arm64', 'many:1'])).code).toBe(1);
      const again = await engine.docker(['rmi', '--force', '--platform', 'linux/arm64', 'many:1']);
      expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('does not provide the specified platform (linux/arm64)')]);

      await ok('rmi', 'many:1');
      await ok('load', '--platform', 'linux/riscv64', '-i', archive);
      expect(await platforms()).toEqual(['riscv64']);
      const absent = await engine.docker(['load', '--platform', 'linux/s390x', '-i', archive]);
      expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('linux/s390x')]);
      const created = async (...platform: string[]): Promise<string> => {
        const { stdout, stderr } = await engine.docker(['create', ...platform, 'many:1', 'true']);
        await ok('rm', stdout.trim());
        return stderr;
      };
      expect(await created('--platform', 'linux/riscv64')).toBe('');
      expect(await created()).toMatch(
        /^WARNING: The requested image's platform \(linux\/riscv64\) does not match the detected host platform \(linux\/[a-z0-9/]+\) and no specific platform was requested\n$/,
      );
      expect(await ok('rmi', '--force', '--platform', 'linux/riscv64', 'many:1')).toMatch(/^Untagged: many:1/);
      expect(await ok('images', '-aq')).toBe('');
    },
    180_000,
  );

  testWith('docker-registry and a docker CLI with push --platform', hasProgram('docker-registry') && dockerTakes('--platform', 'push'))(
    'push and pull of a platform',
    async () => {
      const registry = await startRegistry(engine);
      try {
        const name = `${registry.name}/many:1`;
        const manifest = async (): Promise<{
          mediaType: string;
          manifests?: readonly { platform: { architecture: string } }[];
          config?: object;
        }> => JSON.parse((await engine.onHost('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`])).stdout) as never;
        await ok('load', '-i', archive);
        await ok('tag', 'many:1', name);
        await ok('push', '--platform', 'linux/arm64', name);
        expect(await manifest()).toMatchObject({ mediaType: 'application/vnd.oci.image.manifest.v1+json', config: {} });
        expect(
          (
            await engine.onHost('skopeo', [
              'inspect',
              '--tls-verify=false',
              '--override-arch',
              'arm64',
              '-f',
              '{{.Architecture}}',
              `docker://${name}`,
            ])
          ).stdout,
        ).toBe('arm64\n');
        const absent = await engine.docker(['push', '--platform', 'linux/s390x', name]);
        expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('linux/s390x')]);
        await ok('push', name);
        expect((await manifest()).manifests?.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64', 'riscv64']);
        await ok('rmi', 'many:1', name);
        await ok('pull', '--platform', 'linux/riscv64', name);
        expect(await platforms()).toEqual(['riscv64']);
        expect(await ok('image', 'inspect', '-f', '{{.Architecture}}', name)).toBe('riscv64');
      } finally {
        await registry.stop();
      }
    },
    180_000,
  );
});
