import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command';

/** An OCI layout of one image for three platforms, as a tar made below folder: each layer says whose it is. Its name is many:1. */
export async function manyPlatforms(folder: string): Promise<string> {
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
    const config = json({
      ...platform,
      config: { Cmd: [architecture] },
      history: [{ created_by: `for ${architecture}` }],
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = json({
      schemaVersion: 2,
      mediaType: oci('manifest.v1+json'),
      config: { mediaType: oci('config.v1+json'), ...config },
      layers: [{ mediaType: oci('layer.v1.tar'), ...layer }],
    });
    manifests.push({ mediaType: oci('manifest.v1+json'), ...manifest, platform });
  }
  const index = json({ schemaVersion: 2, mediaType: oci('index.v1+json'), manifests });
  writeFileSync(
    join(place, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: oci('index.v1+json'), ...index, annotations: { 'io.containerd.image.name': 'docker.io/library/many:1' } }],
    }),
  );
  writeFileSync(join(place, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await command('tar', ['-C', place, '-cf', join(folder, 'many.tar'), '.']);
  return join(folder, 'many.tar');
}
