import type { Auth } from '@gantry/api/gantry/images/v1/images';
import {
  chainIds,
  type Descriptor,
  familiarString,
  formatPlatform,
  formatReference,
  hostPlatform,
  isConfig,
  isLayer,
  type Manifest,
  type Platform,
  type Reference,
  sha256,
} from '@gantry/oci';
import { dataLoss, type Logger, notFound, notImplemented, resourceExhausted } from '@gantry/rpc';
import {
  accessOf,
  documentType,
  kindOf,
  MANIFEST_LIMIT,
  parseConfig,
  parseIndex,
  parseManifest,
  type Reader,
  type Registries,
  sourceLabels,
} from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import { buildChain } from '../docker/chain';
import { configLabels, indexLabels, manifestLabels } from '../docker/gc-labels';
import { choosePlatform } from '../docker/image-reader';
import { putName, REPO_DIGEST_LABEL } from '../docker/names';
import { underLease } from '../docker/operation';
import type { LayerIntake, LooseLayer, TakenLayer } from '../layers/intake';
import { Limit } from '../layers/limit';
import { SharedWork } from '../layers/shared-work';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { SNAPSHOTTER } from '../snapshots/overlay';
import type { LeaseTable } from '../store/leases';
import type { Target } from '../store/images';
import type { Scope } from '../store/namespaced';

export interface PullDependencies {
  readonly registries: Registries;
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly intake: LayerIntake;
  readonly snapshotter: RecordedSnapshotter;
  readonly leases: LeaseTable;
  readonly logger: Logger;
  readonly parallel: number;
}

/** A line of docker's progress. */
export interface PullLine {
  readonly id: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
  /** The layer that the line is about. */
  readonly layer?: Descriptor;
}

export interface PullOptions {
  /** With tag or digest. */
  readonly reference: Reference;
  readonly platform: Platform | undefined;
  readonly auth: Auth | undefined;
  readonly signal?: AbortSignal;
  readonly report: (line: PullLine) => void;
}

/** What is needed to pull the parts of one manifest. */
export interface ImageOptions extends Pick<PullOptions, 'signal' | 'report'> {
  /** Where it comes from; undefined: all is here already. */
  readonly reference: Reference | undefined;
}

export interface Pulled {
  /** Digest of what the name points to. */
  readonly imageId: string;
  /** The name pointed there already. */
  readonly upToDate: boolean;
}

const short = (digest: string): string => digest.slice('sha256:'.length, 'sha256:'.length + 12);

/** Pulls images. The same blob is downloaded once, however many pulls want it at a time. */
export class Puller {
  private readonly downloads = new SharedWork<TakenLayer>();
  private readonly limit: Limit;
  /** Loose layers that a download made and that nobody took over yet, by blob. */
  private readonly unclaimed = new Map<string, LooseLayer>();

  constructor(private readonly deps: PullDependencies) {
    this.limit = new Limit(deps.parallel);
  }

  /** So many layers at once from now on. */
  allow(parallel: number): void {
    this.limit.resize(parallel);
  }

  async pull(scope: Scope, options: PullOptions): Promise<Pulled> {
    return underLease(this.deps.leases, scope, 'pull', (own) => this.pullUnder(own, options));
  }

  private async pullUnder(scope: Scope, options: PullOptions): Promise<Pulled> {
    const { registries, content, catalog } = this.deps;
    const { reference, report, signal } = options;
    const { repository, manifest: top } = await registries.find(reference, accessOf(options.auth), signal);
    const kind = kindOf(top.bytes, top.mediaType, top.digest);
    report({
      id: reference.digest === undefined ? (reference.tag ?? '') : formatReference(reference),
      status: `Pulling from ${reference.path}`,
    });
    const target: Target = {
      mediaType: documentType(top.bytes, top.mediaType, kind),
      digest: top.digest,
      size: top.bytes.length,
      annotations: {},
    };
    if (kind === 'index') {
      const index = parseIndex(top.bytes, top.digest);
      const chosen = choosePlatform(index.manifests, options.platform, true);
      if (chosen === undefined)
        throw notFound(`no matching manifest for ${formatPlatform(options.platform ?? hostPlatform())} in the manifest list entries`);
      const fetched = await repository.manifest(chosen.digest, signal);
      if (fetched.bytes.length !== chosen.size)
        throw dataLoss(`manifest ${chosen.digest} has ${fetched.bytes.length} bytes, ${chosen.size} were promised`);
      await this.image(scope, repository, fetched.bytes, options);
      await content.put(scope, top.bytes, top.digest, {
        ...indexLabels(index, (digest) => content.has(scope, digest)),
        ...this.source(scope, top.digest, reference),
      });
    } else {
      await this.image(scope, repository, top.bytes, options);
    }
    const name = formatReference(
      reference.tag === undefined || reference.digest === undefined
        ? reference
        : { domain: reference.domain, path: reference.path, digest: reference.digest },
    );
    const old = catalog.images.find(scope, name);
    putName(catalog.images, scope, name, target, { labels: { [REPO_DIGEST_LABEL]: top.digest } });
    report({ id: '', status: `Digest: ${top.digest}` });
    const upToDate = old?.target.digest === top.digest;
    report({
      id: '',
      status: `Status: ${upToDate ? 'Image is up to date for' : 'Downloaded newer image for'} ${familiarString(reference)}`,
    });
    return { imageId: top.digest, upToDate };
  }

  /** Configuration, layers and snapshots of one manifest, under the lease of the scope. The image's id. */
  async image(scope: Scope, repository: Reader, bytes: Buffer, options: ImageOptions): Promise<string> {
    const { content, snapshotter, intake } = this.deps;
    const { signal, report } = options;
    const digest = sha256(bytes);
    const manifest = parseManifest(bytes, digest);
    if (!isConfig(manifest.config.mediaType))
      throw notImplemented(`${digest} is an artifact of type ${manifest.artifactType ?? manifest.config.mediaType}, not an image`);
    for (const layer of manifest.layers)
      if (!isLayer(layer.mediaType))
        throw notImplemented(`layer ${layer.digest} has the media type ${layer.mediaType}, which is not supported`);
    const known = content.has(scope, manifest.config.digest);
    const configJson = await this.config(scope, repository, manifest.config, signal);
    const config = parseConfig(configJson, manifest.config.digest);
    const chains = chainIds(config.rootfs.diff_ids);
    if (chains.length !== manifest.layers.length)
      throw dataLoss(`manifest ${digest} has ${manifest.layers.length} layers and ${chains.length} diff ids`);
    const there = manifest.layers.map(
      (layer, at) => content.has(scope, layer.digest) && snapshotter.find(scope, chains[at] ?? '') !== undefined,
    );
    // An image that is here already is not told layer by layer.
    if (!known || there.includes(false))
      manifest.layers.forEach((layer, at) =>
        report({ id: short(layer.digest), layer, status: there[at] === true ? 'Already exists' : 'Pulling fs layer' }),
      );
    const loose = new Map<string, LooseLayer>();
    const stop = new AbortController();
    const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    try {
      const jobs = manifest.layers.map((layer, at) =>
        there[at] === true
          ? this.hold(scope, layer.digest)
          : this.layer(scope, {
              repository,
              layer,
              unpack: snapshotter.find(scope, chains[at] ?? '') === undefined,
              wanted: config.rootfs.diff_ids[at] ?? '',
              loose,
              signal: both,
              report,
              options,
            }),
      );
      const failed = (error: unknown): never => {
        stop.abort(error);
        throw error;
      };
      await Promise.all(jobs.map((job) => job.catch(failed))).finally(() => Promise.allSettled(jobs));
      manifest.layers.forEach((layer, at) => {
        if (there[at] !== true) report({ id: short(layer.digest), layer, status: 'Extracting', current: layer.size, total: layer.size });
      });
      await buildChain(intake, snapshotter, scope, {
        image: { chainIds: chains, config, manifest },
        loose,
        ...(signal === undefined ? {} : { signal }),
      });
      manifest.layers.forEach((layer, at) => {
        if (there[at] !== true) report({ id: short(layer.digest), layer, status: 'Pull complete' });
      });
    } finally {
      for (const { key } of loose.values()) await intake.drop(scope, key);
    }
    await content.put(scope, configJson, manifest.config.digest, {
      ...configLabels(snapshotter.name, chains.at(-1)),
      ...this.source(scope, manifest.config.digest, options.reference),
    });
    await content.put(scope, bytes, digest, { ...manifestLabels(manifest), ...this.source(scope, digest, options.reference) });
    return manifest.config.digest;
  }

  private async config(scope: Scope, repository: Reader, descriptor: Manifest['config'], signal: AbortSignal | undefined): Promise<Buffer> {
    if (descriptor.size > MANIFEST_LIMIT)
      throw resourceExhausted(`image configuration ${descriptor.digest} has ${descriptor.size} bytes, more than ${MANIFEST_LIMIT}`);
    if (this.deps.content.has(scope, descriptor.digest)) return this.deps.content.readAll(scope, descriptor.digest);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of repository.blob(descriptor.digest, descriptor.size, 0, signal)) {
      size += part.length;
      if (size > descriptor.size) throw dataLoss(`image configuration ${descriptor.digest} is longer than its ${descriptor.size} bytes`);
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    if (sha256(bytes) !== descriptor.digest)
      throw dataLoss(`image configuration has the digest ${sha256(bytes)}, ${descriptor.digest} was promised`);
    return bytes;
  }

  private hold(scope: Scope, digest: string): Promise<void> {
    this.deps.content.hold(scope, digest);
    return Promise.resolve();
  }

  private async layer(
    scope: Scope,
    job: {
      repository: Reader;
      layer: Descriptor;
      unpack: boolean;
      wanted: string;
      loose: Map<string, LooseLayer>;
      signal: AbortSignal;
      report: (line: PullLine) => void;
      options: ImageOptions;
    },
  ): Promise<void> {
    const { content, intake, leases } = this.deps;
    const { layer } = job;
    const id = short(layer.digest);
    const report = (line: PullLine): void => job.report({ ...line, layer });
    if (content.has(scope, layer.digest)) {
      content.hold(scope, layer.digest);
      report({ id, status: 'Download complete' });
      return;
    }
    const key = `${scope.namespace} ${layer.digest}`;
    const taken = await this.downloads.run(key, job.signal, (signal) =>
      this.limit.run(async () => {
        const done = await intake.take(scope, {
          ref: `layer-${layer.digest}`,
          size: layer.size,
          expected: layer.digest,
          unpack: job.unpack,
          resumable: true,
          signal,
          open: (offset) => job.repository.blob(layer.digest, layer.size, offset, signal, true),
          lent: true,
          onBytes: (current) => report({ id, status: 'Downloading', current, total: layer.size }),
        });
        if (done.loose !== undefined) this.unclaimed.set(key, done.loose);
        return done;
      }),
    );
    content.hold(scope, layer.digest);
    content.setLabels(scope, layer.digest, this.source(scope, layer.digest, job.options.reference));
    const loose = this.unclaimed.get(key);
    this.unclaimed.delete(key);
    if (loose !== undefined) {
      leases.hold(scope, { type: `snapshots/${SNAPSHOTTER}`, id: loose.key });
      if (job.loose.has(layer.digest)) await intake.drop(scope, loose.key);
      else job.loose.set(layer.digest, loose);
    }
    // A blob that another namespace had is known by its digest alone: what it unpacks to is seen when it is laid out.
    if (taken.diffId !== '' && taken.diffId !== job.wanted)
      throw dataLoss(`layer ${layer.digest} unpacks to ${taken.diffId}, its image says ${job.wanted}`);
    report({ id, status: 'Verifying Checksum' });
    report({ id, status: 'Download complete' });
  }

  private source(scope: Scope, digest: string, reference: Reference | undefined): Record<string, string> {
    return reference === undefined ? {} : sourceLabels(reference, this.deps.content.table.find(scope, digest)?.labels);
  }
}
