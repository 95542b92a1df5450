import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, startEngine, type Engine } from './harness';

/** An OCI layout of one image for three platforms, as a tar: each layer says whose it is. */
async function layout(folder: string): Promise<string> {
  const place = join(folder, 'layout');
  mkdirSync(join(place, 'blobs/sha256'), { recursive: true });
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(place, 'blobs/sha256', hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown): { digest: string; size: number } => put(Buffer.from(JSON.stringify(value)));
  const oci = (kind: string): string => `application/vnd.oci.image.${kind}`;
  const manifests: object[] = [];
  for (const architecture of ['amd64', 'arm64', 'riscv64']) {
    writeFileSync(join(folder, 'arch'), architecture);
    await command('tar', ['-C', folder, '-cf', join(folder, 'layer.tar'), 'arch']);
    const layer = put(readFileSync(join(folder, 'layer.tar')));
    const platform = { os: 'linux', architecture };
    const config = json({ ...platform, config: { Cmd: [architecture] }, history: [{ created_by: `for ${architecture}` }], rootfs: { type: 'layers', diff_ids: [layer.digest] } });
    const manifest = json({ schemaVersion: 2, mediaType: oci('manifest.v1+json'), config: { mediaType: oci('config.v1+json'), ...config }, layers: [{ mediaType: oci('layer.v1.tar'), ...layer }] });
    manifests.push({ mediaType: oci('manifest.v1+json'), ...manifest, platform });
  }
  const index = json({ schemaVersion: 2, mediaType: oci('index.v1+json'), manifests });
  writeFileSync(join(place, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: oci('index.v1+json'), ...index, annotations: { 'io.containerd.image.name': 'docker.io/library/many:1' } }] }));
  writeFileSync(join(place, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await command('tar', ['-C', place, '-cf', join(folder, 'many.tar'), '.']);
  return join(folder, 'many.tar');
}

describe('images of several platforms, by the docker CLI', () => {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-platforms-`));
  let engine: Engine;
  let archive: string;
  beforeAll(async () => {
    archive = await layout(folder);
    engine = await startEngine();
  }, 60_000);
  afterAll(async () => {
    await engine.destroy();
    rmSync(folder, { recursive: true });
  }, 60_000);
  const ok = async (...args: string[]): Promise<string> => {
    const result = await engine.docker(args);
    if (result.code !== 0) throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const platforms = async (): Promise<string[]> => {
    const body = await new Promise<string>((resolve, reject) => {
      request({ socketPath: engine.socket, path: '/v1.51/images/json?manifests=1' }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve(text));
      }).on('error', reject).end();
    });
    interface Summary {
      readonly Manifests: readonly { readonly Available: boolean; readonly Kind: string; readonly Size: { readonly Total: number; readonly Content: number }; readonly ImageData: { readonly Platform: { readonly architecture: string }; readonly Size: { readonly Unpacked: number } } }[];
    }
    const [image] = JSON.parse(body) as Summary[];
    for (const { Available, Kind, Size, ImageData } of image?.Manifests ?? []) if (Available) expect([Kind, Size.Total]).toEqual(['image', Size.Content + ImageData.Size.Unpacked]);
    return (image?.Manifests ?? []).filter(({ Available }) => Available).map(({ ImageData }) => ImageData.Platform.architecture);
  };

  test('load, ls --tree, inspect, history, save and rm of a platform', async () => {
    expect(await ok('load', '-i', archive)).toBe('Loaded image: many:1');
    expect(await platforms()).toEqual(['amd64', 'arm64', 'riscv64']);
    expect(await ok('image', 'ls', '--tree')).toMatch(/linux\/riscv64/);
    for (const architecture of ['amd64', 'arm64', 'riscv64']) {
      expect(await ok('image', 'inspect', '--platform', `linux/${architecture}`, '-f', '{{.Architecture}} {{.Config.Cmd}}', 'many:1')).toBe(`${architecture} [${architecture}]`);
      expect(await ok('history', '--platform', `linux/${architecture}`, '--format', '{{.CreatedBy}}', 'many:1')).toBe(`for ${architecture}`);
    }
    const one = join(folder, 'one.tar');
    await ok('save', '--platform', 'linux/riscv64', '-o', one, 'many:1');
    expect((await command('tar', ['-xOf', one, 'manifest.json'])).stdout).toContain('many:1');

    expect(await ok('rmi', '--platform', 'linux/arm64', 'many:1')).toMatch(/^Deleted: sha256:[0-9a-f]{64}$/);
    expect(await platforms()).toEqual(['amd64', 'riscv64']);
    expect((await engine.docker(['image', 'inspect', '--platform', 'linux/arm64', 'many:1'])).code).toBe(1);
    const again = await engine.docker(['rmi', '--platform', 'linux/arm64', 'many:1']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('does not provide the specified platform (linux/arm64)')]);

    await ok('rmi', 'many:1');
    await ok('load', '--platform', 'linux/riscv64', '-i', archive);
    expect(await platforms()).toEqual(['riscv64']);
    const absent = await engine.docker(['load', '--platform', 'linux/s390x', '-i', archive]);
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('linux/s390x')]);
    expect(await ok('rmi', '--platform', 'linux/riscv64', 'many:1')).toMatch(/^Untagged: many:1/);
    expect(await ok('images', '-aq')).toBe('');
  }, 60_000);
});
