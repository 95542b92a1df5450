import { TAR_END, tarHeaders, tarPadding } from '@gantry/oci/tar';
import { type Descriptor, mediaTypes } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import { type ContentServices, readBlob } from '../../worker/blobs';
import type { WrittenDocuments } from '../image/documents';

export interface ArchiveParts {
  readonly documents: WrittenDocuments;
  readonly root: Descriptor;
  readonly names: readonly string[];
  readonly variant: 'oci' | 'docker';
}

interface Member {
  readonly name: string;
  readonly size: number;
  readonly read: () => AsyncIterable<Buffer>;
}

const NAME = 'io.containerd.image.name';
const REF_NAME = 'org.opencontainers.image.ref.name';

/** An image layout as a tar, its members sorted by name; with the list that `docker load` reads where it is for docker. */
export async function* archive(services: ContentServices, ctx: CallContext, parts: ArchiveParts): AsyncGenerator<Buffer> {
  const { documents, variant } = parts;
  const blobs = new Map(documents.blobs.map((blob) => [blob.digest, blob]));
  const members = [
    ...[...blobs.values()].map((blob): Member => ({
      name: pathOf(blob.digest),
      size: blob.size,
      read: () => readBlob(services, ctx, blob.digest),
    })),
    text('index.json', JSON.stringify(indexOf(parts))),
    text('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    ...(variant === 'docker' ? [text('manifest.json', JSON.stringify(dockerEntries(parts)))] : []),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  yield tarHeaders({ name: 'blobs/', type: 'folder', mode: 0o755 });
  yield tarHeaders({ name: 'blobs/sha256/', type: 'folder', mode: 0o755 });
  for (const { name, size, read } of members) {
    yield tarHeaders({ name, type: 'file', mode: 0o444, size });
    yield* read();
    yield tarPadding(size);
  }
  yield TAR_END;
}

const pathOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

function text(name: string, content: string): Member {
  const bytes = Buffer.from(content);
  return {
    name,
    size: bytes.length,
    read: async function* () {
      yield bytes;
    },
  };
}

function indexOf({ root, names }: ArchiveParts): object {
  const { platform: _platform, ...descriptor } = root;
  const named = names.map((name) => ({ ...descriptor, annotations: { ...descriptor.annotations, [NAME]: name, [REF_NAME]: tagOf(name) } }));
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: named.length === 0 ? [descriptor] : named };
}

const tagOf = (name: string): string => name.slice(name.lastIndexOf(':') + 1);

function dockerEntries({ documents, names }: ArchiveParts): object[] {
  const [image] = documents.images;
  if (image === undefined) return [];
  return [
    { Config: pathOf(image.config.digest), RepoTags: names.map(shortName), Layers: image.layers.map(({ blob }) => pathOf(blob.digest)) },
  ];
}

/** As docker shows names. */
const shortName = (name: string): string => name.replace(/^docker\.io\/(library\/)?/, '');
