import { Readable } from 'node:stream';
import type { Auth } from '@gantry/api/gantry/images/v1/images';
import {
  type Descriptor,
  type Digest,
  familiarString,
  isIndex,
  layerCompression,
  type Manifest,
  mediaTypes,
  type Platform,
  type Reference,
  repositoryName,
  sha256,
} from '@gantry/oci';
import { invalidArgument, type Logger, notFound } from '@gantry/rpc';
import { accessOf, otherRepository, parseIndex, parseManifest, type Registries, type Repository, sourceLabels } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import { REPO_DIGEST_LABEL } from '../docker/names';
import { underLease } from '../docker/operation';
import { UNCOMPRESSED_LABEL } from '../layers/intake';
import { Limit } from '../layers/limit';
import type { NativeTree } from '../layers/native';
import type { LeaseTable } from '../store/leases';
import type { ImageRecord } from '../store/images';
import type { Scope } from '../store/namespaced';
import { SqueezedLayer } from './squeezed-layer';

export interface PushDependencies {
  readonly registries: Registries;
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly leases: LeaseTable;
  readonly native: Pick<NativeTree, 'squeeze'>;
  readonly logger: Logger;
  readonly parallel: number;
}

export interface PushLine {
  readonly id: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface PushOptions {
  /** With tag. */
  readonly reference: Reference;
  readonly platform: Platform | undefined;
  readonly auth: Auth | undefined;
  readonly signal?: AbortSignal;
  readonly report: (line: PushLine) => void;
}

export interface Pushed {
  readonly digest: string;
  readonly size: number;
}

/** On a layer that is stored uncompressed: `digest size` of what it was when it was pushed. */
const PUSHED_LABEL = 'gantry.io/pushed-as';

/** Pushes images. Layers are sent as they are stored; uncompressed ones are compressed on the way, without a copy on disk. */
export class Pusher {
  private readonly limit: Limit;

  constructor(private readonly deps: PushDependencies) {
    this.limit = new Limit(deps.parallel);
  }

  /** So many layers at once from now on. */
  allow(parallel: number): void {
    this.limit.resize(parallel);
  }

  push(scope: Scope, options: PushOptions): Promise<Pushed> {
    return underLease(this.deps.leases, scope, 'push', (own) => this.pushUnder(own, options));
  }

  private async pushUnder(scope: Scope, options: PushOptions): Promise<Pushed> {
    const { catalog, content, registries } = this.deps;
    const { reference, signal } = options;
    const record = catalog.images.find(scope, `${repositoryName(reference)}:${reference.tag ?? 'latest'}`);
    if (record === undefined) throw notFound(`tag does not exist: ${familiarString(reference)}`);
    const { image } = { image: await catalog.reader.load(scope, record.target, options.platform) };
    for (const digest of [record.target.digest, image.manifestDigest, image.configDigest]) content.hold(scope, digest);
    const repository = await registries.forPush(reference, accessOf(options.auth), signal);
    const whole = isIndex(record.target.mediaType) && options.platform === undefined ? await this.wholeIndex(scope, record) : undefined;
    const pushed =
      whole === undefined
        ? await this.manifest(scope, repository, { digest: image.manifestDigest, reference: reference.tag ?? 'latest', options })
        : await this.index(scope, repository, { record, manifests: whole, options });
    const labels = { ...record.labels, [REPO_DIGEST_LABEL]: pushed.digest };
    catalog.images.update(scope, { ...record, labels }, [`labels.${REPO_DIGEST_LABEL}`]);
    return pushed;
  }

  /** Manifests of an index when all of them are here. */
  private async wholeIndex(scope: Scope, record: ImageRecord): Promise<Descriptor[] | undefined> {
    const { content } = this.deps;
    const { manifests } = parseIndex(await content.readAll(scope, record.target.digest), record.target.digest);
    for (const { digest } of manifests) {
      if (!content.has(scope, digest)) return undefined;
      const { config, layers } = parseManifest(await content.readAll(scope, digest), digest);
      if (![config, ...layers].every((part) => content.has(scope, part.digest))) return undefined;
    }
    return manifests;
  }

  private async index(
    scope: Scope,
    repository: Repository,
    job: { record: ImageRecord; manifests: readonly Descriptor[]; options: PushOptions },
  ): Promise<Pushed> {
    for (const { digest } of job.manifests)
      await this.manifest(scope, repository, { digest, reference: digest, options: job.options, exact: true });
    const bytes = await this.deps.content.readAll(scope, job.record.target.digest);
    await repository.putManifest(job.options.reference.tag ?? 'latest', bytes, job.record.target.mediaType, { signal: job.options.signal });
    return { digest: sha256(bytes), size: bytes.length };
  }

  /** exact: the layers as they are stored, since an index names the manifest by its digest. */
  private async manifest(
    scope: Scope,
    repository: Repository,
    job: { digest: string; reference: string; options: PushOptions; exact?: boolean },
  ): Promise<Pushed> {
    const { content } = this.deps;
    const { options } = job;
    const stored = await content.readAll(scope, job.digest);
    const manifest = parseManifest(stored, job.digest);
    for (const layer of manifest.layers) options.report({ id: layerName(content, scope, layer), status: 'Preparing' });
    const once = new Map<string, Promise<Descriptor>>();
    const layers = await Promise.all(
      manifest.layers.map((layer) => {
        const job_ =
          once.get(layer.digest) ?? this.limit.run(() => this.layer(scope, repository, { layer, exact: job.exact === true, options }));
        once.set(layer.digest, job_);
        return job_;
      }),
    );
    await this.blob(scope, repository, manifest.config, options, undefined);
    const same = layers.every((layer, at) => layer.digest === manifest.layers[at]?.digest);
    const bytes = same ? stored : Buffer.from(JSON.stringify({ ...manifest, layers } satisfies Manifest));
    const mediaType = manifest.mediaType ?? mediaTypes.ociManifest;
    await repository.putManifest(job.reference, bytes, mediaType, { signal: options.signal });
    return { digest: sha256(bytes), size: bytes.length };
  }

  private async layer(
    scope: Scope,
    repository: Repository,
    job: { layer: Descriptor; exact: boolean; options: PushOptions },
  ): Promise<Descriptor> {
    const { layer, options } = job;
    const { content } = this.deps;
    const id = layerName(content, scope, layer);
    if (!content.has(scope, layer.digest)) throw invalidArgument(`layer ${layer.digest} is not here: pull the image again`);
    if (job.exact || layerCompression(layer.mediaType) !== 'none') {
      await this.blob(scope, repository, layer, options, id);
      return layer;
    }
    const mediaType = layer.mediaType === mediaTypes.ociLayer ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip;
    const { labels } = content.info(scope, layer.digest);
    const [known = '', size = ''] = (labels[PUSHED_LABEL] ?? '').split(' ');
    if (known !== '' && (await repository.hasBlob(known, options.signal))) {
      options.report({ id, status: 'Layer already exists' });
      return { mediaType, digest: known as Digest, size: Number(size) };
    }
    const packed = new SqueezedLayer(this.deps.native, content.paths.blob(layer.digest), (current) =>
      options.report({ id, status: 'Pushing', current: Math.min(current, layer.size), total: layer.size }),
    );
    const from = otherRepository(options.reference, labels);
    const how = await repository.upload({
      ...(known === '' || from === undefined ? {} : { digest: known, from }),
      // gzip has no middle to begin at: it is compressed again from the start, the same bytes, of which the first are not sent.
      body: (offset) => packed.stream(offset),
      digestAfter: () => packed.outcome().digest,
      signal: options.signal,
    });
    if (how === 'mounted') {
      options.report({ id, status: `Mounted from ${from ?? ''}` });
      return { mediaType, digest: known as Digest, size: Number(size) };
    }
    options.report({ id, status: 'Pushed' });
    const made = packed.outcome();
    content.setLabels(scope, layer.digest, {
      [PUSHED_LABEL]: `${made.digest} ${made.size}`,
      ...sourceLabels(options.reference, labels),
    });
    return { mediaType, digest: made.digest as Digest, size: made.size };
  }

  private async blob(scope: Scope, repository: Repository, blob: Descriptor, options: PushOptions, id: string | undefined): Promise<void> {
    const { content } = this.deps;
    const say = (status: string, current?: number): void => {
      if (id !== undefined) options.report({ id, status, ...(current === undefined ? {} : { current, total: blob.size }) });
    };
    if (await repository.hasBlob(blob.digest, options.signal)) {
      say('Layer already exists');
      return;
    }
    const { labels } = content.info(scope, blob.digest);
    const from = otherRepository(options.reference, labels);
    const read = async function* (offset: number): AsyncGenerator<Buffer> {
      let sent = offset;
      for await (const part of content.read(scope, blob.digest, offset, 0, 256 << 10)) {
        sent += part.length;
        say('Pushing', sent);
        yield part;
      }
    };
    const how = await repository.upload({
      digest: blob.digest,
      ...(from === undefined ? {} : { from }),
      size: blob.size,
      body: (offset) => Readable.from(read(offset), { objectMode: false }),
      digestAfter: () => blob.digest,
      signal: options.signal,
    });
    content.setLabels(scope, blob.digest, sourceLabels(options.reference, labels));
    say(how === 'mounted' ? `Mounted from ${from ?? ''}` : 'Pushed');
  }
}

/** Docker calls a layer by its diff id in a push. */
function layerName(content: ContentStore, scope: Scope, layer: Descriptor): string {
  const diffId = content.table.find(scope, layer.digest)?.labels[UNCOMPRESSED_LABEL] ?? layer.digest;
  return diffId.slice('sha256:'.length, 'sha256:'.length + 12);
}
