import { type Digest, mediaTypes, sha256 } from '@gantry/oci';
import { tarOf, type TestEntry } from './tar';

export interface TestPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface PlatformImage {
  readonly platform: TestPlatform;
  readonly manifest: string;
  readonly id: string;
}

/** An OCI layout of one index with a manifest for each platform, each with a layer that says whose it is, and an attestation for the first. */
export async function ociArchive(
  name: string,
  platforms: readonly TestPlatform[],
): Promise<{ readonly archive: Buffer; readonly index: string; readonly images: readonly PlatformImage[]; readonly attestation: string }> {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer): { digest: Digest; size: number } => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const document = (value: unknown): { digest: Digest; size: number } => add(Buffer.from(JSON.stringify(value)));
  const images: PlatformImage[] = [];
  const entries: object[] = [];
  for (const platform of platforms) {
    const layer = await tarOf([{ name: 'arch', body: platform.architecture }]);
    const config = document({
      ...platform,
      created: '2024-05-01T00:00:00Z',
      config: { Cmd: [platform.architecture] },
      history: [{ created_by: platform.architecture }],
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
    });
    const manifest = document({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, ...config },
      layers: [{ mediaType: mediaTypes.ociLayer, ...add(layer) }],
    });
    images.push({ platform, manifest: manifest.digest, id: config.digest });
    entries.push({ mediaType: mediaTypes.ociManifest, ...manifest, platform });
  }
  const about = document({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {
      mediaType: mediaTypes.ociConfig,
      ...document({ architecture: 'unknown', os: 'unknown', rootfs: { type: 'layers', diff_ids: [] } }),
    },
    layers: [{ mediaType: 'application/vnd.in-toto+json', ...document({ statement: true }) }],
  });
  entries.push({
    mediaType: mediaTypes.ociManifest,
    ...about,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': images[0]?.manifest },
  });
  const index = document({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries });
  const files: TestEntry[] = [...blobs].map(([digest, body]) => ({ name: `blobs/sha256/${digest.slice('sha256:'.length)}`, body }));
  const top = {
    schemaVersion: 2,
    manifests: [{ mediaType: mediaTypes.ociIndex, ...index, annotations: { 'io.containerd.image.name': name } }],
  };
  return {
    archive: await tarOf([
      ...files,
      { name: 'index.json', body: JSON.stringify(top) },
      { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' },
    ]),
    index: index.digest,
    images,
    attestation: about.digest,
  };
}
